"""The lake, its catalog and the registry of models.

Arrives: folders of rollout files, windows to select, SQL, finished policies as bytes. Leaves: immutable Parquet
partitions, Arrow tables, manifests, versions. Imports schemas alone; torch never enters this room.
"""
