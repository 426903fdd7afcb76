import { z } from 'zod'

/*
 * The words of ksi, one for one thing.
 *
 * request       a completion request, known by its request_id
 * conversation  the unit of order and of fork prevention
 * session       one session_id as a provider hands it out; a conversation may go through several
 * outcome       a final state with its result or reason
 * generation    one process running one version of the daemon code; one is live, the next is standby until promoted
 * boot          a generation's record: when, why, which files, how long each phase took
 * checkpoint    a named, fsynced cut of the journal
 * restore       what a generation does with the journal before it goes live
 * tick          the sequence number of an event in the journal; every transition of a request has one
 */

/** The only states of a request. */
export const requestState = z.enum(['queued', 'processing', 'completed', 'failed', 'cancelled'])
export type RequestState = z.infer<typeof requestState>

/** The final states. */
export const finalStates = ['completed', 'failed', 'cancelled'] as const
export type FinalState = (typeof finalStates)[number]

/** INJECT runs before ASYNC within a conversation. */
export const priority = z.enum(['INJECT', 'ASYNC'])
export type Priority = z.infer<typeof priority>

/** What happens to a request whose run died with the runner. */
export const onRestart = z.enum(['fail', 'requeue'])
export type OnRestart = z.infer<typeof onRestart>

/** Why a request failed. Provider failures carry the provider's own words in `message`. */
export const failureReason = z.enum(['provider_error', 'timeout', 'daemon_restart', 'poison', 'invalid_request'])
export type FailureReason = z.infer<typeof failureReason>

/** Why a checkpoint was taken. */
export const checkpointReason = z.enum(['reload', 'pre-stop', 'shutdown', 'crash-recovery', 'manual', 'restore'])
export type CheckpointReason = z.infer<typeof checkpointReason>

/** Why a generation was booted. */
export const bootCause = z.enum(['start', 'save', 'reload', 'crash', 'rollback'])
export type BootCause = z.infer<typeof bootCause>

/** How the previous generation ended. */
export const previousEnd = z.enum(['none', 'clean', 'handover', 'crash', 'never-ended'])
export type PreviousEnd = z.infer<typeof previousEnd>
