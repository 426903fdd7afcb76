import { replaceOnce } from './mutant.ts'
import type { Mutant } from './mutant.ts'

const daemonTests = ['src/store/queue.test.ts', 'src/daemon/**/*.test.ts']

/**
 * Mistakes that once compiled, three of them past every unit test: name, file, what stands there, what is made of it.
 */
const list: [string, string, string, string][] = [
  ['health says 42', 'src/daemon/health.ts', "'unhealthy' : 'healthy'", "'unhealthy' : 42"],
  ['the acknowledgement says sttaus', 'src/daemon/completion/accept.ts', "status: 'queued'", "sttaus: 'queued'"],
  ['completion:reslt is pushed', 'src/daemon/completion/settle.ts', "'completion:result'", "'completion:reslt'"],
  [
    'the result calls its response answer',
    'src/daemon/completion/settle.ts',
    'response: outcome.r',
    'answer: outcome.r',
  ],
  [
    'a handler for completion:cancle',
    'src/daemon/completion/register.ts',
    "on('completion:cancel'",
    "on('completion:cancle'",
  ],
  ['cancel reads requestId', 'src/daemon/completion/register.ts', 'cancel(data.request_id)', 'cancel(data.requestId)'],
  ['the relay frame B', 'src/daemon/monitor/monitor.ts', "kind: 'P'", "kind: 'B'"],
  [
    'timeout_ms is not in the contract',
    'src/contracts/completion.ts',
    'timeout_ms: z.number().int().min(100)',
    'limit_ms: z.number().int().min(100)',
  ],
  ['a misspelt column', 'src/store/requests.ts', 'WHERE q.request_id = ?', 'WHERE q.reqest_id = ?'],
]

/** The nine mistakes by name. */
export const mistakes: Mutant[] = list.map(([name, file, from, to]) => ({
  kind: 'mistake',
  name,
  file,
  change: (text) => replaceOnce(text, from, to),
  tests: daemonTests,
  compiled: true,
}))
