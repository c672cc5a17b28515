/* What a card tells of its upgrade of a load file. */
#include "fuzz.h"
#include "gp/elf_upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct upgrade_session session;

	if (upgrade_session_parse(bytes_of(at, len), &session, NULL) == ERR_NONE) {
		require(session.load_file.len < len);
		require(upgrade_status_text(session.status) == session.text);
	}
	return 0;
}
