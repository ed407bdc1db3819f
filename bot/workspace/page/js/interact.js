// What happens when somebody uses an interactive element: ask for confirmation, keep the choice, tell the app, and
// say so when it did not answer. The one place that turns clicks into calls of the client API.

import { askConfirm } from "./dialog.js";
import { collect } from "./blocks/values.js";

/**
 * The context that blocks are rendered in.
 * `target` is the API's container; `blocks` all blocks of it; `key` names its Form; `prefix` makes element ids unique.
 */
export function makeContext(page, { target, blocks, key, prefix, errors }) {
  const { store, api } = page;
  const form = store.form(key);

  async function dispatch(block, element, payload) {
    if (form.blockIsBusy(block.block_id)) return;
    form.setBusy(block.block_id, element.action_id, true);
    form.note(block.block_id, "");
    const action = { block_id: block.block_id, action_id: element.action_id, type: element.type, ...payload };
    try {
      await api.action(action, target, { values: collect(form, blocks) });
    } catch (error) {
      const sentence = error.code === "app_unreachable" ? `${store.app.name} did not answer. Nothing is known to have happened; try again.` : error.message;
      form.note(block.block_id, sentence);
      page.toast(sentence, "error");
    } finally {
      form.setBusy(block.block_id, element.action_id, false);
    }
  }

  const confirmed = async (element) => !element.confirm || askConfirm(store, element.confirm);

  return {
    store,
    form,
    prefix,
    errors,
    dispatch,
    async press(block, element) {
      if (await confirmed(element)) await dispatch(block, element, element.value === undefined ? {} : { value: element.value });
    },
    async pickOverflow(block, element, option) {
      if (!(await confirmed(element))) return;
      if (option.url) window.open(option.url, "_blank", "noopener,noreferrer");
      await dispatch(block, element, { selected_option: option });
    },
    /** The options of an external select for what was typed. */
    async load(block, element, query) {
      const action = { block_id: block.block_id, action_id: element.action_id, type: element.type };
      return (await api.options(action, target, query)).options;
    },
    /** Keeps a choice, and tells the app where Slack would. Answers whether it was taken (a confirmation may be denied). */
    async choose(block, element, value) {
      if (!(await confirmed(element))) return false;
      form.set(block.block_id, element.action_id, value);
      const { type: _, ...payload } = value;
      if (block.type !== "input" || block.dispatch_action) dispatch(block, element, payload);
      return true;
    },
  };
}

