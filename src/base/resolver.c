/* resolver.c: how long a name server is waited for. */
#include "base/resolver.h"

#include <stdlib.h>

void
resolver_hurry(void)
{
	(void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
}
