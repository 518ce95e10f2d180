// The shapes of the player API and of what the page's parts exchange.

/** @typedef {import("./media/rle.js").Rle} Rle */
/** @typedef {[number, number]} Point  x, y; 0..1 of the frame */
/** @typedef {[number, number, 0 | 1]} PointPrompt  x and y 0..1 of the frame; 1: on the object */
/** @typedef {[number, number, number, number]} Box  x0, y0, x1, y1; 0..1 of the frame */
/** @typedef {{object: string, frame: number, points: PointPrompt[], box: Box | null, mask: Rle | null}} Prompt */
/** @typedef {{object: string, frame: number, point: number}} PromptMark  a point of a prompt; -1: its box */
/**
 * @typedef {object} MaskEntry  an object's mask on a frame
 * @property {string} object
 * @property {number} frame
 * @property {Rle | null} rle  null: the object is absent
 * @property {"human" | "prompted" | "automatic" | "propagated"} origin
 * @property {number} uncertainty  0..1; high: look here
 * @property {Box | null} box  around the mask
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
/** @typedef {{id: string, label: string}} ObjectEntry */
/** @typedef {{masks: MaskEntry[], prompts: Prompt[], objects: ObjectEntry[], revision: number}} PromptAnswer */
/** @typedef {{label: string, points: PointPrompt[], box: Box | null, mask: Rle | null}} PromptBody */
/** @typedef {"forward" | "backward" | "both"} Direction */
/**
 * @typedef {object} PropagationBody
 * @property {number} start  frame
 * @property {Direction} direction
 * @property {number | null} count  frames; null: to the end
 * @property {string[] | null} objects  null: all
 * @property {number} skip  frames left out before each one that gets masks
 */
/** @typedef {{frame: number, object: string, label: string, point: PointPrompt}} HoverBody */
/** @typedef {{object: string | null, start: number, stop: number}} ApprovalBody  object null: all; stop exclusive */
/**
 * @typedef {object} VideoEntry
 * @property {number} frame_count
 * @property {number} width  pixels
 * @property {number} height  pixels
 * @property {number} frame_rate
 * @property {number[] | null} times_s  null: steady
 */
/** @typedef {{name: string, color: string}} LabelEntry */
/** @typedef {{version: string, is_demo: boolean, notice: string}} ModelEntry */
/**
 * @typedef {object} TaskDocument
 * @property {number} project
 * @property {number} task
 * @property {string} user
 * @property {VideoEntry} video
 * @property {LabelEntry[]} labels
 * @property {ObjectEntry[]} objects
 * @property {Prompt[]} prompts
 * @property {Job | null} propagation
 * @property {ModelEntry} model
 * @property {number[]} cuts
 * @property {Verdict[]} [verdicts]  not there: the server keeps none
 * @property {number} revision
 * @property {boolean} shared_masks  whether people can look at each other's masks
 * @property {boolean} effort  whether active time is recorded
 * @property {string} [note]  what a crowd tells whoever does the task, such as why it is to be redone
 * @property {Objection[]} [objections]  what others say against the person's masks; not there: the server keeps none
 */
/** @typedef {"satisfactory" | "redo" | "reject" | "skipped"} VerdictName */
/**
 * @typedef {object} Verdict  what the person says of an object's masks
 * @property {string | null} object  null: of the whole task
 * @property {VerdictName} verdict
 * @property {string} comment
 * @property {boolean} is_outdated  the masks have changed since
 */
/** @typedef {{verdict: "redo" | "reject", comment: string}} Objection */
/** @typedef {{status: "opening", detail: string}} OpeningDocument  a worker opens the media */
/**
 * @typedef {object} Lane  an object's frames on the timeline
 * @property {[number, number][]} present  ranges, stop exclusive
 * @property {[number, number][]} absent
 * @property {number[]} human  frames
 * @property {[number, number][]} uncertainty  frame and value
 */
/** @typedef {{frame: number, object: string, gain: number}} UncertainFrame */
/** @typedef {{objects: Record<string, Lane>, next_uncertain: UncertainFrame[]}} TimelineAnswer */
/** @typedef {{user: string, objects: number, human_frames: number, is_you: boolean}} UserEntry  has prompts on the task */
/** @typedef {{detail?: string, way_out?: string}} Problem */
/** @typedef {{project: number, task: number} | {project: number, field: string, value: string}} AddressedTask */
/**
 * @typedef {object} Parts  what keys and views use
 * @property {HTMLElement} root
 * @property {import("./state/state.js").Store} store
 * @property {import("./actions/notices.js").Notices} notices
 * @property {import("./actions/sign_in.js").SignIn} signIn
 * @property {import("./actions/prompts.js").Prompts} prompts
 * @property {import("./actions/finding.js").Finding} finding
 * @property {import("./actions/propagation.js").Propagation} propagation
 * @property {import("./actions/review.js").Review} review
 * @property {import("./actions/looking.js").Looking} looking
 * @property {import("./media/frame_cache.js").FrameCache} frames
 * @property {import("./media/mask_cache.js").MaskCache} masks  the person's own
 * @property {import("./media/shown_masks.js").ShownMasks} shownMasks
 * @property {import("./media/mask_pictures.js").MaskPictures} pictures
 * @property {import("./media/playback.js").Playback} playback
 * @property {import("./view/stage.js").Stage} stage
 * @property {import("./view/pointer.js").Pointer} pointer
 */
export {};
