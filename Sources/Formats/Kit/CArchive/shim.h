#ifndef PACKHOUSE_CARCHIVE_SHIM_H
#define PACKHOUSE_CARCHIVE_SHIM_H

#include <archive.h>
#include <archive_entry.h>

#endif
