#ifndef PACKHOUSE_CLIBPQ_SHIM_H
#define PACKHOUSE_CLIBPQ_SHIM_H

#include <libpq-fe.h>

#endif
