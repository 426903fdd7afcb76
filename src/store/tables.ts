import { Agents } from './agents.ts'
import { Boots } from './boots.ts'
import { Checkpoints } from './checkpoints.ts'
import { Conversations } from './conversations.ts'
import { Cursors } from './cursors.ts'
import { EventHeads } from './event-heads.ts'
import { Events } from './events.ts'
import { Finished } from './finished.ts'
import { Holds } from './holds.ts'
import { Lanes } from './lanes.ts'
import { ModuleStates } from './module-states.ts'
import { Policies } from './policies.ts'
import { Removed } from './removed.ts'
import { Replies } from './replies.ts'
import { Requests } from './requests.ts'
import { Runs } from './runs.ts'
import type { Sql } from './sql.ts'

/** The parts of a journal: its tables with their verbs. */
export class Tables {
  readonly runs: Runs
  readonly conversations: Conversations
  readonly agents: Agents
  readonly requests: Requests
  readonly lanes: Lanes
  readonly holds: Holds
  readonly policies: Policies
  readonly finished: Finished
  readonly removed: Removed
  readonly events: Events
  readonly eventHeads: EventHeads
  readonly replies: Replies
  readonly cursors: Cursors
  readonly checkpoints: Checkpoints
  readonly moduleStates: ModuleStates
  readonly boots: Boots

  /** @param told up to where followers of the outbox may be told */
  constructor(sql: Sql, told: () => number) {
    this.runs = new Runs(sql)
    this.lanes = new Lanes(sql)
    this.conversations = new Conversations(sql, this.lanes)
    this.agents = new Agents(sql)
    this.requests = new Requests(sql, this)
    this.removed = new Removed(sql)
    this.holds = new Holds(sql)
    this.policies = new Policies(sql)
    this.finished = new Finished(sql, this.removed)
    this.events = new Events(sql, told)
    this.eventHeads = new EventHeads(sql, told)
    this.replies = new Replies(sql)
    this.cursors = new Cursors(sql)
    this.moduleStates = new ModuleStates(sql)
    this.checkpoints = new Checkpoints(sql, this.moduleStates)
    this.boots = new Boots(sql)
  }
}
