"""Readers of published benchmarks, one a file: each reads the official files into a :class:`archcast.data.Benchmark`.

A reader is a function ``(task, path) -> Benchmark`` in the module of its name, decorated with ``@register("name", ...)``. Besides
``summary`` and ``paper`` it says its ``tasks``, the names of its ``files`` and their ``patterns``, the ``licence``, what it
``holds`` (curves, seeds, times, costs) and, where it is known, the number of ``architectures``: ``archcast data list`` and
``verify`` read these. It stands on what begins with an underscore:

- ``_finding``: ``find`` gives the files of a path or of ``$ARCHCAST_DATA``;
- ``_files``: their content, unpacked and bounded; ``reading`` makes an error of the shape name its file;
- ``_columns``: ``as_benchmark`` where the space is the table's own columns;
- ``_gather``: many files in parallel, so that an interrupted conversion continues;
- the containers, one place each: ``archcast.data._unpickle``, ``_torch_archive``, ``_tfrecord``, ``_pandas``.

Metrics are named for what they are: a test accuracy is never called validation. What is left out is counted in ``left_out``.
"""
