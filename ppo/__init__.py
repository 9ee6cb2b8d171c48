"""The learner: pure torch, opens no file and no database.

Arrives: an Arrow table of a window's rows (`batch`), policies as bytes (`policy`), a configuration (`learner`).
Leaves: who collected which rollout with how much noise (`authorship`), a trained policy and its metrics (`learner`,
or `clone` where nobody knows who drove), and the policy's exports with the proof that they agree (`export`, `parity`).
"""
