#ifndef PACKHOUSE_CPCRE2_SHIM_H
#define PACKHOUSE_CPCRE2_SHIM_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* The functions of PCRE2 are macros that Swift cannot see. */
typedef pcre2_code_8 packhouse_pcre2_code;

static inline packhouse_pcre2_code *packhouse_pcre2_compile(
    const unsigned char *pattern, size_t length, int *error, size_t *offset) {
    return pcre2_compile_8(
        pattern, length, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, error,
        offset, NULL);
}

static inline void packhouse_pcre2_free(packhouse_pcre2_code *code) {
    pcre2_code_free_8(code);
}

static inline int packhouse_pcre2_message(int error, unsigned char *text, size_t capacity) {
    return pcre2_get_error_message_8(error, text, capacity);
}

/* 1 for a match, 0 for none, a negative number for a failure or a limit that was reached. */
static inline int packhouse_pcre2_match(
    const packhouse_pcre2_code *code, const unsigned char *text, size_t length,
    unsigned int step_limit, unsigned int heap_limit_kibibytes) {
    pcre2_match_data_8 *data = pcre2_match_data_create_8(1, NULL);
    pcre2_match_context_8 *context = pcre2_match_context_create_8(NULL);
    int result = PCRE2_ERROR_NOMEMORY;
    if (data != NULL && context != NULL) {
        pcre2_set_match_limit_8(context, step_limit);
        pcre2_set_heap_limit_8(context, heap_limit_kibibytes);
        result = pcre2_match_8(code, text, length, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data, context);
    }
    pcre2_match_context_free_8(context);
    pcre2_match_data_free_8(data);
    if (result >= 0) return 1;
    return result == PCRE2_ERROR_NOMATCH ? 0 : result;
}

#endif
