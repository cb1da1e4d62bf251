"""What a project keeps on its own disk: runs, keys, the audit log, journals and pseudonyms."""
