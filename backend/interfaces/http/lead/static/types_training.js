// The shapes of trainings in the lead's API.

/** @typedef {"queued" | "running" | "done" | "failed" | "cancelled"} TrainingState */
/**
 * @typedef {object} MeasuredModel
 * @property {number | null} j_and_f
 * @property {number | null} j
 * @property {number | null} clicks
 * @property {number | null} calibration_error
 * @property {number | null} general_j
 */
/** @typedef {{mean: number, low: number, high: number, before: MeasuredModel, after: MeasuredModel}} Gain */
/**
 * @typedef {object} Training
 * @property {string} name
 * @property {TrainingState} state
 * @property {string} user  "": a person at the machine
 * @property {string} base
 * @property {number} minutes
 * @property {string} what
 * @property {number} share  0..1
 * @property {string} phase
 * @property {Record<string, number | null>} figures
 * @property {boolean} is_ending
 * @property {Gain | null} gain
 * @property {boolean} is_better
 * @property {string} reason
 * @property {string} note
 * @property {string} checkpoint  "": none is offered
 * @property {boolean} is_here
 * @property {boolean} is_active
 * @property {number} videos
 * @property {number} frames
 * @property {string[]} people
 * @property {{task: number, name: string, reason: string}[]} left_out
 * @property {string} report  address; "": none
 */
/**
 * @typedef {object} TrainingList
 * @property {Training[]} trainings  the newest first
 * @property {string} active  "": none
 * @property {string} setting  MASKLET_MODEL
 * @property {number} minutes
 * @property {string} what
 * @property {number | null} workers
 */
export {};
