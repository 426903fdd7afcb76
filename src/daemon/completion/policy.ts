import type { EventData } from '../../contracts/events.ts'
import type { Policy } from '../../contracts/events/holds.ts'
import { KsiError } from '../../lib/errors.ts'
import type { PolicyScope } from '../../store/policies.ts'
import type { Core } from '../core.ts'
import { targetOf } from './hold-events.ts'

type Asked = EventData<'completion:policy'>

/**
 * `completion:policy`: changes what is given, and tells how it is then. Call within a transaction.
 * @throws KsiError KSI_BAD_REQUEST
 */
export function describePolicy(core: Core, asked: Asked): Policy {
  const [scope, name] = scopeOf(core, asked)
  const { policies } = core.journal
  if (scope !== 'conversation' && (asked.on_failure != null || asked.unset?.includes('on_failure') === true))
    throw new KsiError('KSI_BAD_REQUEST', 'on_failure is a matter of a conversation, or of a request.')
  const before = policies.get(scope, name)
  const { on_failure, tokens, cost_usd } = before
  const after = {
    on_failure: asked.on_failure ?? on_failure,
    tokens: asked.tokens ?? tokens,
    cost_usd: asked.cost_usd ?? cost_usd,
  }
  for (const key of asked.unset ?? []) after[key] = null
  if (JSON.stringify(after) !== JSON.stringify(before)) {
    policies.set(scope, name, after)
    core.budgets.look(scope, name)
  }
  const budget = core.budgets.budgetOf(scope, name)
  const used = core.budgets.usedBy(scope, name)
  return {
    scope,
    name,
    on_failure: after.on_failure,
    tokens: budget.tokens,
    cost_usd: budget.cost_usd,
    tokens_used: used.tokens,
    cost_usd_used: used.cost_usd,
  }
}

function scopeOf(core: Core, asked: Asked): [PolicyScope, string] {
  const { conversation_id, session_id, agent_id, day } = asked
  const given = [conversation_id, session_id, agent_id].filter((name) => name != null).length + (day === true ? 1 : 0)
  if (given !== 1)
    throw new KsiError('KSI_BAD_REQUEST', 'Say one thing: conversation_id, session_id, agent_id, or day (true).')
  if (day === true) return ['day', '']
  const { scope, name } = targetOf(core, { conversation_id, session_id, agent_id })
  return [scope === 'agent' ? scope : 'conversation', name]
}
