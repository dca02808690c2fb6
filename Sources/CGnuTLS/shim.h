// GnuTLS is what libmicrohttpd brings along.
#pragma once

#include <gnutls/gnutls.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

// `gnutls_free` is a variable, which Swift takes for one that anybody may change meanwhile.
static inline void
cgnutls_free(void *memory)
{
    gnutls_free(memory);
}

// The callback as a value that can be handed to somebody who does not know GnuTLS.
static inline const void *
cgnutls_callback(gnutls_certificate_retrieve_function2 *retrieve)
{
    return (const void *) retrieve;
}
