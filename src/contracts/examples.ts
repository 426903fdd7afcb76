import type { EventInput, EventName } from './events.ts'

/** An event as it may be sent; KSI's command line prints both. */
export interface Example {
  description: string
  data: Record<string, unknown>
}

type Written = { [N in EventName]?: [description: string, data: EventInput<N>][] }

/** How events are sent that need more than their name, or are seldom sent without. */
const written: Written = {
  'completion:async': [
    ['Queue a prompt in a new conversation.', { prompt: 'hello' }],
    ['Go on with a session.', { prompt: 'and then?', session_id: 'demo' }],
    [
      'Chat messages, for a model of your choice.',
      { messages: [{ role: 'user', content: 'hello' }], model: 'echo/echo' },
    ],
  ],
  'completion:inject': [['Ahead of what waits in a session.', { prompt: 'stop and listen', session_id: 'demo' }]],
  'completion:status': [
    ['The whole service.', {}],
    ['One request.', { request_id: 'r1' }],
  ],
  'completion:session_status': [['A session.', { session_id: 'demo' }]],
  'completion:cancel': [['Cancel a request.', { request_id: 'r1' }]],
  'completion:retry': [['Try a failed request again.', { request_id: 'r1', as: 'r2' }]],
  'completion:wait': [['Wait up to ten seconds for an outcome.', { request_id: 'r1', timeout_ms: 10_000 }]],
  'completion:stream': [['Follow the output of a request from its beginning.', { request_id: 'r1' }]],
  'completion:stop_stream': [['Follow it no longer.', { request_id: 'r1' }]],
  'completion:token_usage': [['What an agent used today.', { agent_id: 'worker', hours: 24 }]],
  'completion:clear_agent_session': [['The next request of this agent begins anew.', { agent_id: 'worker' }]],
  'completion:reset_conversation': [['Begin anew, and tell it.', { agent_id: 'worker' }]],
  'completion:get_conversation_summary': [['Where an agent stands.', { agent_id: 'worker' }]],
  'agent:register': [['Say who you are.', { agent_id: 'worker', info: { component: 'reviewer' } }]],
  'agent:unregister': [['Forget an agent.', { agent_id: 'worker' }]],
  'agent:info': [['An agent.', { agent_id: 'worker' }]],
  'conversation:get': [['The last turns of a session.', { session_id: 'demo', limit: 20 }]],
  'monitor:subscribe': [['Follow outcomes.', { event_patterns: ['completion:*'] }]],
  'monitor:get_events': [['The newest failures.', { event_patterns: ['*:failed'], limit: 10 }]],
  'monitor:get_session_events': [['What happened in a session.', { session_id: 'demo' }]],
  'monitor:broadcast_event': [['Tell others.', { event_name: 'build:red', event_data: { branch: 'main' } }]],
  'event:emit': [['Send another event in a second.', { event: 'system:health', delay: 1 }]],
  'module:inspect': [['A service of the daemon.', { module_name: 'completion' }]],
  'system:discover': [['All about completions.', { event: 'completion:*', detail: true }]],
  'system:help': [['How to queue a request.', { event: 'completion:async' }]],
  'dev:checkpoint': [['What waits and runs.', { action: 'list_requests' }]],
}

/** Examples of an event: at least one, where it needs no parameters; of a module's event that does, none. */
export function examplesOf(event: string, summary: string, needs: readonly string[]): Example[] {
  const byName: Record<string, [string, object][] | undefined> = written
  const known = Object.hasOwn(byName, event) ? byName[event] : undefined
  if (known !== undefined) return known.map(([description, data]) => ({ description, data: { ...data } }))
  return needs.length > 0 ? [] : [{ description: summary, data: {} }]
}
