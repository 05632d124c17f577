"""The server that boards stream to: ingest, store, live pages; it knows nothing of boards or serial ports."""
