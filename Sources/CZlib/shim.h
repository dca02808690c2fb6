// Input is only read; zlib declares it so when asked to. Swift can call all that is used of it.
#define ZLIB_CONST
#include <zlib.h>
