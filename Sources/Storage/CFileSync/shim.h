#ifndef PACKHOUSE_CFILESYNC_SHIM_H
#define PACKHOUSE_CFILESYNC_SHIM_H

// The C library declares this only for programs that define _GNU_SOURCE, which Swift's Glibc module
// does not. Start writing dirty pages of a range: flags is SYNC_FILE_RANGE_WRITE, 2.
#ifdef __linux__
extern int sync_file_range(int descriptor, long long offset, long long length, unsigned int flags);
#endif

#endif
