"""Where every artefact lands: table declarations, the commit protocol and the SQL over them."""
