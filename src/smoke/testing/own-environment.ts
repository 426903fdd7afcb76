/** Sets variables of this process until it is disposed of. */
export function setEnvironment(values: Record<string, string>): Disposable {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, values)
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
    },
  }
}

/** The environment of this process, with some more; `front` goes to the front of the PATH. */
export function environmentWith(more: Record<string, string>, front?: string): Record<string, string> {
  const path = front === undefined ? {} : { PATH: `${front}:${process.env['PATH'] ?? ''}` }
  const known = Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  return { ...Object.fromEntries(known), ...path, ...more }
}
