// LMDB needs nothing that Swift cannot call itself, so this only names its header.
#include <lmdb.h>
