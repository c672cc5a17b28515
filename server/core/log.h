/* One line per event on standard error: time, level, a stable event name, key=value. Values from outside are
 * escaped. Whoever decides logs, once. */
#ifndef CARDEA_CORE_LOG_H
#define CARDEA_CORE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };    /* act now; we coped; a device's or job's life; the rest */

void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *event, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
