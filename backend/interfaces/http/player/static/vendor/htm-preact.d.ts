// The part of htm-preact.js that the page uses.

/** What a component returns. */
export interface VNode {
  type: unknown;
  props: unknown;
  key: unknown;
}
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
export function render(node: VNode, parent: Element): void;
export function useState<S>(initial: S): [S, (value: S) => void];
export function useRef<T>(initial: T): { current: T };
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
