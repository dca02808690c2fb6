// GnuTLS is what libmicrohttpd brings along; Swift can call all that is used of it.
#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>
