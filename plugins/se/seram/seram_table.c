/* GPD_SPE_008 (SERAM) 1.0.1 as restated in public, mapped to LwM2M by ourselves: see the header */
#include "seram/seram_table.h"

#include <stddef.h>

const struct seram_setting_row seram_setting_rows[SERAM_SETTINGS] = {
	[SERAM_SET_REPORT_REQUIRED] = { SERAM_REPORT_REQUIRED, LWM2M_BOOLEAN, true },
	[SERAM_SET_BODY_FORMAT] = { SERAM_BODY_FORMAT, LWM2M_INTEGER, 0 },
	[SERAM_SET_RETRY_COUNT] = { SERAM_RETRY_COUNT, LWM2M_UNSIGNED, -1 },
	[SERAM_SET_RETRY_DELAY] = { SERAM_RETRY_DELAY, LWM2M_UNSIGNED, -1 },
	[SERAM_SET_SESSION_TIMEOUT] = { SERAM_SESSION_TIMEOUT, LWM2M_UNSIGNED, -1 },
};

static const struct seram_status_row status_rows[] = {
	[SERAM_STATUS_NONE] = { "none", ERR_UNAVAILABLE, true, false },
	[SERAM_STATUS_OK] = { "ok", ERR_NONE, false, false },
	[SERAM_STATUS_UNKNOWN_APPLICATION] = { "unknown-application", ERR_NOT_FOUND, false, true },
	[SERAM_STATUS_NOT_A_SECURITY_DOMAIN] = { "not-a-security-domain", ERR_NOT_FOUND, false, true },
	[SERAM_STATUS_SECURITY_ERROR] = { "security-error", ERR_DENIED, false, true },
	[SERAM_STATUS_UNAVAILABLE_SE] = { "unavailable-se", ERR_UNAVAILABLE, true, true },
	[SERAM_STATUS_TEMPORARILY_UNAVAILABLE_APPLICATION] = { "temporarily-unavailable-application",
							       ERR_UNAVAILABLE, true, false },
	[SERAM_STATUS_SCRIPT_FORMAT_ERROR] = { "script-format-error", ERR_MALFORMED, false, true },
};

const struct seram_status_row *seram_status_row(int64_t status)
{
	static const struct seram_status_row unknown = { "unknown status", ERR_UNSUPPORTED, false, false };

	if (status < 0 || (size_t)status >= sizeof(status_rows) / sizeof(status_rows[0]))
		return &unknown;
	return &status_rows[status];
}

const char *seram_se_type_text(int64_t type)
{
	static const char *const texts[] = { "undefined", "eSE", "iSE", "uicc", "euicc", "ieuicc" };

	return type >= 0 && (size_t)type < sizeof(texts) / sizeof(texts[0]) ? texts[type] : texts[0];
}
