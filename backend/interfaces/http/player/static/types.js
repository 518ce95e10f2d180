// The shapes of the player API, for editors and the type checker.

/** @typedef {import("./rle.js").Rle} Rle */
/** @typedef {[number, number, 0 | 1]} PointPrompt  x and y 0..1 of the frame; 1: on the object */
/** @typedef {[number, number, number, number]} Box  x0, y0, x1, y1; 0..1 of the frame */
/** @typedef {{object: string, frame: number, points: PointPrompt[], box: Box | null, mask: Rle | null}} Prompt */
/**
 * @typedef {object} MaskEntry  an object's mask on a frame
 * @property {string} object
 * @property {number} frame
 * @property {Rle | null} rle  null: the object is absent
 * @property {"human" | "prompted" | "propagated"} origin
 * @property {number} uncertainty  0..1; high: look here
 */
/**
 * @typedef {object} Job  a propagation
 * @property {string} id
 * @property {"queued" | "running" | "done" | "failed" | "cancelled"} state
 * @property {number} done  frames
 * @property {number} total  frames
 * @property {number | null} frames_per_s
 * @property {string} detail  why it failed
 * @property {number} start
 * @property {number} stop
 */
/** @typedef {{masks: MaskEntry[], prompts: Prompt[], objects: ObjectEntry[], revision: number}} PromptAnswer */
/** @typedef {{id: string, label: string}} ObjectEntry */
/**
 * @typedef {object} VideoEntry
 * @property {number} frame_count
 * @property {number} width  pixels
 * @property {number} height  pixels
 * @property {number} frame_rate
 * @property {number[] | null} times_s  null: steady
 */
/**
 * @typedef {object} TaskDocument
 * @property {number} project
 * @property {number} task
 * @property {string} user
 * @property {VideoEntry} video
 * @property {{name: string, color: string}[]} labels
 * @property {ObjectEntry[]} objects
 * @property {Prompt[]} prompts
 * @property {Job | null} propagation
 * @property {{version: string, is_demo: boolean, notice: string}} model
 * @property {number[]} cuts
 * @property {number} revision
 * @property {string} [status]
 * @property {string} [detail]
 */
/**
 * @typedef {object} Lane  an object's frames on the timeline
 * @property {[number, number][]} present  ranges, stop exclusive
 * @property {[number, number][]} absent
 * @property {number[]} human  frames
 * @property {[number, number][]} uncertainty  frame and value
 */
export {};
