// What people write of runs, experiments, models and versions afterwards: MLflow's calls.
import { mlflow, send } from "./fetch";

// Each fails as the server says, where one may not.
export interface Editable {
  describe: (text: string) => Promise<unknown>; // Markdown; empty: nothing is said of it
  setTag: (key: string, value: string) => Promise<unknown>;
  deleteTag: (key: string) => Promise<unknown>;
}

export const kNote = "mlflow.note.content"; // the tag that is a run's or an experiment's description

// Of nouns whose description is a tag.
const noted = (setTag: Editable["setTag"], deleteTag: Editable["deleteTag"]): Editable => ({ setTag, deleteTag, describe: (text) => setTag(kNote, text) });

export const editsApi = {
  runEdits: (run_id: string) =>
    noted(
      (key, value) => send("POST", `${mlflow}runs/set-tag`, { run_id, key, value }),
      (key) => send("POST", `${mlflow}runs/delete-tag`, { run_id, key }),
    ),
  renameRun: (run_id: string, run_name: string) => send("POST", `${mlflow}runs/update`, { run_id, run_name }),
  deleteRun: (run_id: string) => send("POST", `${mlflow}runs/delete`, { run_id }),
  restoreRun: (run_id: string) => send("POST", `${mlflow}runs/restore`, { run_id }),
  deleteExperiment: (experiment_id: string) => send("POST", `${mlflow}experiments/delete`, { experiment_id }),
  restoreExperiment: (experiment_id: string) => send("POST", `${mlflow}experiments/restore`, { experiment_id }),
  experimentEdits: (experiment_id: string) =>
    noted(
      (key, value) => send("POST", `${mlflow}experiments/set-experiment-tag`, { experiment_id, key, value }),
      (key) => send("POST", `${mlflow}experiments/delete-experiment-tag`, { experiment_id, key }),
    ),
  modelEdits: (name: string): Editable => ({
    describe: (description) => send("PATCH", `${mlflow}registered-models/update`, { name, description }),
    setTag: (key, value) => send("POST", `${mlflow}registered-models/set-tag`, { name, key, value }),
    deleteTag: (key) => send("DELETE", `${mlflow}registered-models/delete-tag`, { name, key }),
  }),
  versionEdits: (name: string, version: string): Editable => ({
    describe: (description) => send("PATCH", `${mlflow}model-versions/update`, { name, version, description }),
    setTag: (key, value) => send("POST", `${mlflow}model-versions/set-tag`, { name, version, key, value }),
    deleteTag: (key) => send("DELETE", `${mlflow}model-versions/delete-tag`, { name, version, key }),
  }),
};
