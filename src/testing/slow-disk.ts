import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Put before the C library's own: a sync of the journal's files, or of their folder, takes as long as a file says. */
const source = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void wait_for_disk(int fd) {
  char link[64], path[4096], text[32];
  const char *control = getenv("KSI_TEST_SYNC_MS_FILE");
  int kept = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (control == NULL || length < 0) { errno = kept; return; }
  path[length] = 0;
  FILE *file = strstr(path, "/var/db") == NULL ? NULL : fopen(control, "r");
  if (file != NULL) {
    long ms = fgets(text, sizeof text, file) == NULL ? 0 : atol(text);
    fclose(file);
    struct timespec left = { ms / 1000, ms % 1000 * 1000000L };
    while (nanosleep(&left, &left) == -1 && errno == EINTR);
  }
  errno = kept;
}

int fsync(int fd) {
  wait_for_disk(fd);
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
  wait_for_disk(fd);
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
`

/** A disk whose syncs of the journal are really slow, for processes with its environment. */
export interface SlowDisk {
  readonly env: NodeJS.ProcessEnv
  /** So long, in ms, a sync that begins from now on takes; at first none does. */
  takes(ms: number): void
  [Symbol.dispose](): void
}

/** Makes one; undefined where there is no C compiler, or no way to put something before the C library's own. */
export function makeSlowDisk(): SlowDisk | undefined {
  if (process.platform !== 'linux') return undefined
  const dir = mkdtempSync(join(tmpdir(), 'ksi-disk-'))
  const [code, shim, control] = [join(dir, 'disk.c'), join(dir, 'disk.so'), join(dir, 'ms')]
  const remove = (): void => rmSync(dir, { recursive: true, force: true })
  try {
    writeFileSync(code, source)
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, code, '-ldl'], { stdio: 'pipe' })
  } catch {
    remove()
    return undefined
  }
  const takes = (ms: number): void => writeFileSync(control, `${ms}\n`)
  takes(0)
  return { env: { LD_PRELOAD: shim, KSI_TEST_SYNC_MS_FILE: control }, takes, [Symbol.dispose]: remove }
}
