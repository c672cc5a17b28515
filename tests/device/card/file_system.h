/* The files of an application: the flat ones of PKCS #15, and the tree of a UICC, below its MF and below the ADF of the USIM
 * (ETSI TS 102 221, 8). A file is a data object of the application, under the identifiers of its directory and its own. */
#ifndef CARD_FILE_SYSTEM_H
#define CARD_FILE_SYSTEM_H

#include "chip.h"

#define FILE_NONE 0x0000 /* the directory of PKCS #15 files */
#define FILE_MF   0x3F00
#define FILE_ADF  0x7FFF

/* The low bits of a file descriptor (TS 102 221 11.1.1.4.3). */
enum file_kind { FILE_TRANSPARENT = 0x01, FILE_LINEAR = 0x02, FILE_CYCLIC = 0x06, FILE_DIRECTORY = 0x38 };

/* [design] Conditions in the compact format: a byte of the card's own stands for the administrator. */
enum file_condition { FILE_ALWAYS = 0x00, FILE_BY_HOLDER = 0x01, FILE_BY_ADMINISTRATOR = 0x0A, FILE_NEVER = 0xFF };

struct file {
	uint16_t directory, id;
	enum file_kind kind;
	uint8_t record_size; /* of files of records */
	bool is_active;
	uint8_t read, update; /* enum file_condition */
	struct bytes content;
};

static inline bool file_has_records(const struct file *file)
{
	return file->kind == FILE_LINEAR || file->kind == FILE_CYCLIC;
}

extern const struct card_aid file_usim;
/* It is the USIM, with the files of the whole card. */
bool is_uicc(const struct entry *entry);

bool file_find(const struct entry *entry, uint16_t directory, uint16_t id, struct file *ret_file);
/* Of a directory; FILE_NONE for the topmost. */
uint16_t file_directory_of(const struct entry *entry, uint16_t directory);
/* Copies it; false when there is no memory. */
bool file_store(struct registry *registry, struct entry *entry, const struct file *file);
/* With all below it. */
void file_remove(struct entry *entry, uint16_t directory, uint16_t id);

/* file_factory.c: gives the card its USIM, if it has none yet. False when there is no memory. */
bool uicc_install(struct registry *registry, const struct card_aid *load_file, bool *ret_is_changed);

#endif
