"""The checks of this package, a module for each subject; every :class:`seqwright.doctor.check.CheckGroup` in them takes part."""
