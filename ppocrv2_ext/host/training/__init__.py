"""What is around PaddleOCR's training loop.

``loop`` puts contexts around it, in the order of ``plug.list_training_contexts``, the outermost first:

- ``evaluation_steps``: warns of a training that ends before its first evaluation, or long after its last
- ``ranks``: several processes wait for each other, and end together
- ``watching``: tells observers what happens in the loop. They can end it
- ``first_step``: refuses a training that would learn nothing
- ``first_batch``: names what differs between training and evaluation, and a backbone that CTC does not reach
- ``norm_statistics``: measures the statistics of a network that was published merged, on the first batch
- ``ema``: an average of the weights
- ``resume``: saves whole checkpoints and goes on from them

Beside them:

- ``schedule``: the learning rate that a config has at any step
- ``zero_loss``: warns of a loss of 0 from which nothing is learned
- ``nan_guard``: stops at a loss or a weight that is not finite
- ``log_file``: the log file, which may be on a full disk
"""
