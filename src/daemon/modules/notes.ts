import { z } from 'zod'
import { defineModule } from '../module-host/define-module.ts'

/*
 * An add-on module, as an example: notes that agents and people leave for each other.
 *
 *   ksi send notes:add --text "the build is red"
 *   ksi send notes:list
 *   ksi watch 'notes:*'
 *
 * Change this file, or copy it to a name of your own, while ksi runs: what is there after the save is what is served.
 * The notes are its state. They live in memory, go into every checkpoint, and come back with the next generation.
 */

/** So many of the longest stay within what a module may give to a checkpoint. */
const maxNotes = 100

const note = z.object({ id: z.number(), text: z.string(), from: z.string().nullable(), at: z.string() })
const kept = z.object({ last: z.number(), notes: z.array(note) })

let state: z.infer<typeof kept> = { last: 0, notes: [] }

export const notes = defineModule({
  name: 'notes',
  version: 1,
  events: {
    'notes:add': {
      summary: 'Leave a note; the oldest goes when there are more than 100.',
      data: z.object({ text: z.string().min(1).max(400).describe('the note') }),
      reply: z.object({ status: z.literal('added'), note }),
      handle: ({ text }, { push, context }) => {
        const added = {
          id: state.last + 1,
          text,
          from: context.agentId ?? context.clientId,
          at: new Date().toISOString(),
        }
        push('notes:added', { note: added })
        state = { last: added.id, notes: [...state.notes, added].slice(-maxNotes) }
        return { status: 'added' as const, note: added }
      },
    },
    'notes:list': {
      summary: 'The notes there are, oldest first.',
      data: z.object({ since: z.number().int().optional().describe('only those after the note with this id') }),
      reply: z.object({ notes: z.array(note), count: z.number() }),
      handle: ({ since = 0 }) => {
        const found = state.notes.filter(({ id }) => id > since)
        return { notes: found, count: found.length }
      },
    },
    'notes:remove': {
      summary: 'Remove a note.',
      data: z.object({ id: z.number().int().describe('its id') }),
      reply: z.object({ status: z.enum(['removed', 'not_found']), id: z.number() }),
      handle: ({ id }) => {
        const left = state.notes.filter((one) => one.id !== id)
        const status = left.length < state.notes.length ? ('removed' as const) : ('not_found' as const)
        state = { ...state, notes: left }
        return { status, id }
      },
    },
  },
  pushes: { 'notes:added': { summary: 'a note was left', data: z.object({ note }) } },
  collect: () => state,
  restore: (collected) => {
    state = kept.parse(collected)
  },
})
