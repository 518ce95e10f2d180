CREATE TABLE failures (project_id INTEGER NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (project_id, source, name));
INSERT INTO "failures" VALUES(1,'clip.mp4','','MediaError: no');
CREATE TABLE files (path TEXT NOT NULL, stamp TEXT NOT NULL, media_id TEXT NOT NULL,
    PRIMARY KEY (path, stamp));
INSERT INTO "files" VALUES('/x ü/y','1-2','abababababababababababababababab');
CREATE TABLE items (project_id INTEGER NOT NULL, key TEXT NOT NULL, task_id INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (project_id, key));
INSERT INTO "items" VALUES(1,'k-00000',10,'{"project_id": 1, "key": "k-00000", "task_id": 10, "name": "b", "media_id": "m", "number": 0, "count": 1, "shared": 0, "length": 0, "carry": false, "certainty": 1.0, "prompted": false, "handover": ""}');
INSERT INTO "items" VALUES(1,'k-00001',11,'{"project_id": 1, "key": "k-00001", "task_id": 11, "name": "a [1/2]", "media_id": "m", "number": 1, "count": 1, "shared": 0, "length": 0, "carry": false, "certainty": 1.0, "prompted": false, "handover": ""}');
INSERT INTO "items" VALUES(1,'k-00002',12,'{"project_id": 1, "key": "k-00002", "task_id": 12, "name": "a [1/2]", "media_id": "m", "number": 2, "count": 1, "shared": 0, "length": 0, "carry": false, "certainty": 1.0, "prompted": false, "handover": ""}');
CREATE TABLE media (media_id TEXT PRIMARY KEY, body TEXT NOT NULL);
INSERT INTO "media" VALUES('abababababababababababababababab','{"content_hash": "abababababababababababababababababababababababababababababababab", "kind": "images", "path": "/x \u00fc/y", "name": "y", "size": {"width": 6, "height": 4}, "frame_count": 2, "frame_rate": "30000/1001", "stamp": "1-2", "names": ["a.png", "b.png"], "numbers": [143, 150]}');
