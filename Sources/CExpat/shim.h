// Swift can call all that is used of it.
#include <expat.h>
