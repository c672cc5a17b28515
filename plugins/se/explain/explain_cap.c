/* A load file, as a person wants to know it before it is loaded */
#include <cardea/arena.h>
#include <stdio.h>

#include "explain/explain.h"
#include "package/cap.h"

static void explain_components(struct explanation *e, const struct components *components)
{
	explain_line(e, "components");
	e->depth++;
	for (size_t i = 1; i < COMPONENT_COUNT; i++) {
		if (components->at[i].len > 0)
			explain_line(e, "%2zu %s  %zu bytes", i, component_names[i], components->at[i].len);
	}
	e->depth--;
}

enum err explain_cap(struct bytes content, struct builder *text, struct fault *fault)
{
	struct explanation e = { .text = text, .fault = fault };
	struct components components;
	struct load_file file;
	enum err err = load_file_parse(content, text->arena, &file, fault);

	if (err != ERR_NONE)
		return err;
	explain_line(&e, "load file (%s), %zu bytes", load_file_form_text(file.form), content.len);
	e.depth++;
	if (file.form == LOAD_FILE_CIPHERED) {
		explain_line(&e, "ciphered load file data block  %zu bytes, %s", file.block.len,
			     file.is_signed ? "with DAP" : "without DAP");
		return ERR_NONE;
	}
	explain_bytes(&e, "AID", file.aid);
	explain_line(&e, "version  %u.%u", file.major, file.minor);
	for (size_t i = 0; i < file.applet_count; i++)
		explain_bytes(&e, "applet", file.applets[i]);
	explain_line(&e, "load file data block  %zu bytes, %s", file.block.len,
		     file.is_signed ? "with DAP" : "without DAP");
	if (cap_split(file.block, &components, NULL) == ERR_NONE)
		explain_components(&e, &components);
	return ERR_NONE;
}
