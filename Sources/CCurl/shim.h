// What Swift cannot call in libcurl: `curl_easy_setopt` and `curl_easy_getinfo` are variadic, so each
// kind of argument has a function here, in the C type that the manual asks for.

#pragma once

#include <curl/curl.h>

static inline CURLcode curlkit_set_long(CURL *handle, CURLoption option, long value)
{
    return curl_easy_setopt(handle, option, value);
}

// libcurl copies the text.
static inline CURLcode curlkit_set_text(CURL *handle, CURLoption option, const char *value)
{
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode curlkit_set_size(CURL *handle, CURLoption option, curl_off_t value)
{
    return curl_easy_setopt(handle, option, value);
}

// The list must live until the transfer has ended.
static inline CURLcode curlkit_set_headers(CURL *handle, struct curl_slist *headers)
{
    return curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
}

struct curlkit_callbacks {
    // Gives the number of bytes that were taken; another number ends the transfer.
    size_t (*body)(char *bytes, size_t size, size_t count, void *context);
    size_t (*header)(char *bytes, size_t size, size_t count, void *context);
    // Gives something else than 0 to end the transfer.
    int (*progress)(void *context, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t);
    void *context;
};

static inline CURLcode curlkit_set_callbacks(CURL *handle, struct curlkit_callbacks callbacks)
{
    CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, callbacks.body);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_WRITEDATA, callbacks.context);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, callbacks.header);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_HEADERDATA, callbacks.context);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, callbacks.progress);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_XFERINFODATA, callbacks.context);
    if (!code) code = curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    return code;
}

static inline CURLcode curlkit_response_code(CURL *handle, long *code)
{
    return curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, code);
}

// CURL_GLOBAL_ALL is an expression of macros, which Swift does not import.
static inline CURLcode curlkit_global_init(void)
{
    return curl_global_init(CURL_GLOBAL_ALL);
}
