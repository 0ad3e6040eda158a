"""What faults do to a sweep: ours beside Ray Tune's Tuner, OptunaSearch and MLflow callback, under the same ones."""
