/**
 * Environment of a process that must give back to the system what it had for a moment: glibc keeps freed memory in
 * pieces otherwise, and after some lines of 8 MB a process has 100 MB more than it uses. Elsewhere it says nothing.
 */
export const frugalMemory = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '2097152',
} as const
