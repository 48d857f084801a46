"""TFX-style steps over tfrec: each turns typed artifacts into typed artifacts, by a call into tfrec.

    ExampleGen  dataset → Examples            tf.Example records of items, users, and interactions by split
    Trainer     Examples → TrainedRun         the RUN folder of `tfrec.training.train`
    Evaluator   TrainedRun → Evaluation, Blessing     metrics.json, and whether the thresholds were met
    Pusher      TrainedRun, Evaluation, Blessing → PushedModel     a version folder for TensorFlow Serving

`artifacts.py` says what lies on disk, `component.py` what a step is, `pipeline.py` how a YAML file becomes
steps, `order.py` in which order they run, `runner.py` how they are run here, and `store.py` where their
artifacts are kept.
"""
