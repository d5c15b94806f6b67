CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','/tmp/imp/mlruns/0','active',1795565080591,1795565080591,'default');
INSERT INTO "experiments" VALUES(1,'churn','/ARTIFACTS/churn','active',1795565080617,1795565080617,'default');
INSERT INTO "experiments" VALUES(2,'gone','/ARTIFACTS/gone','deleted',1795565080641,1795565081449,'default');
CREATE TABLE "experiment_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
INSERT INTO "experiment_tags" VALUES('team','growth',1);
INSERT INTO "experiment_tags" VALUES('mlflow.note.content','Über uns
zwei Zeilen',1);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('bc67ce2e6139444ca63412fdfbe7c22d','run-0','UNKNOWN','','','ann','FAILED',1700000000000,1700000009999,'','active','/ARTIFACTS/churn/bc67ce2e6139444ca63412fdfbe7c22d/artifacts',1,NULL);
INSERT INTO "runs" VALUES('de4f61c9f21146558f014c0cb0752e2a','run-1','UNKNOWN','','','ann','FINISHED',1700000000001,1700000010000,'','active','/ARTIFACTS/churn/de4f61c9f21146558f014c0cb0752e2a/artifacts',1,NULL);
INSERT INTO "runs" VALUES('060a0f418f1d4a36a5c9bca6660d6052','run-2','UNKNOWN','','','ann','FINISHED',1700000000002,1700000010001,'','active','/ARTIFACTS/churn/060a0f418f1d4a36a5c9bca6660d6052/artifacts',1,NULL);
INSERT INTO "runs" VALUES('0beb00625877466091f8e6a0bf392c8e','run-3','UNKNOWN','','','ann','FINISHED',1700000000003,1700000010002,'','deleted','/ARTIFACTS/churn/0beb00625877466091f8e6a0bf392c8e/artifacts',1,1795565081393);
INSERT INTO "runs" VALUES('c3be5d05162e40afbdd7a81559ddbf28','run-4','UNKNOWN','','','ann','RUNNING',1700000000004,NULL,'','active','/ARTIFACTS/churn/c3be5d05162e40afbdd7a81559ddbf28/artifacts',1,NULL);
INSERT INTO "runs" VALUES('4ba57782cc314e979ed429aac51c43e9','exultant-colt-667','UNKNOWN','','','unknown','RUNNING',5,NULL,'','deleted','/ARTIFACTS/gone/4ba57782cc314e979ed429aac51c43e9/artifacts',2,1795565081451);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('lr','0.1','bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "params" VALUES('text','täxt with ''quotes''
line','bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "params" VALUES('lr','0.1','de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "params" VALUES('text','täxt with ''quotes''
line','de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "params" VALUES('lr','0.1','060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "params" VALUES('text','täxt with ''quotes''
line','060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "params" VALUES('lr','0.1','0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "params" VALUES('text','täxt with ''quotes''
line','0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "params" VALUES('lr','0.1','c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "params" VALUES('text','täxt with ''quotes''
line','c3be5d05162e40afbdd7a81559ddbf28');
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('kind','b','bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "tags" VALUES('mlflow.user','ann','bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','0000000000000000000000000000000000000000','bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "tags" VALUES('mlflow.source.name','train.py','bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "tags" VALUES('mlflow.runName','run-0','bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "tags" VALUES('kind','a','de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "tags" VALUES('mlflow.user','ann','de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','0000000000000000000000000000000000000000','de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "tags" VALUES('mlflow.source.name','train.py','de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "tags" VALUES('mlflow.runName','run-1','de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "tags" VALUES('kind','b','060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "tags" VALUES('mlflow.user','ann','060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','0000000000000000000000000000000000000000','060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "tags" VALUES('mlflow.source.name','train.py','060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "tags" VALUES('mlflow.runName','run-2','060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "tags" VALUES('kind','a','0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "tags" VALUES('mlflow.user','ann','0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','0000000000000000000000000000000000000000','0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "tags" VALUES('mlflow.source.name','train.py','0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "tags" VALUES('mlflow.runName','run-3','0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "tags" VALUES('kind','b','c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "tags" VALUES('mlflow.user','ann','c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','0000000000000000000000000000000000000000','c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "tags" VALUES('mlflow.source.name','train.py','c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "tags" VALUES('mlflow.runName','run-4','c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "tags" VALUES('mlflow.runName','exultant-colt-667','4ba57782cc314e979ed429aac51c43e9');
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('loss',1.0,1700000000000,'bc67ce2e6139444ca63412fdfbe7c22d',0,0);
INSERT INTO "metrics" VALUES('loss',0.5,1700000000010,'bc67ce2e6139444ca63412fdfbe7c22d',1,0);
INSERT INTO "metrics" VALUES('loss',0.3333333333333333,1700000000020,'bc67ce2e6139444ca63412fdfbe7c22d',2,0);
INSERT INTO "metrics" VALUES('loss',0.25,1700000000030,'bc67ce2e6139444ca63412fdfbe7c22d',3,0);
INSERT INTO "metrics" VALUES('loss',0.2,1700000000040,'bc67ce2e6139444ca63412fdfbe7c22d',4,0);
INSERT INTO "metrics" VALUES('loss',0.16666666666666666,1700000000050,'bc67ce2e6139444ca63412fdfbe7c22d',5,0);
INSERT INTO "metrics" VALUES('loss',0.14285714285714285,1700000000060,'bc67ce2e6139444ca63412fdfbe7c22d',6,0);
INSERT INTO "metrics" VALUES('loss',0.125,1700000000070,'bc67ce2e6139444ca63412fdfbe7c22d',7,0);
INSERT INTO "metrics" VALUES('loss',0.1111111111111111,1700000000080,'bc67ce2e6139444ca63412fdfbe7c22d',8,0);
INSERT INTO "metrics" VALUES('loss',0.1,1700000000090,'bc67ce2e6139444ca63412fdfbe7c22d',9,0);
INSERT INTO "metrics" VALUES('loss',0.09090909090909091,1700000000100,'bc67ce2e6139444ca63412fdfbe7c22d',10,0);
INSERT INTO "metrics" VALUES('loss',0.08333333333333333,1700000000110,'bc67ce2e6139444ca63412fdfbe7c22d',11,0);
INSERT INTO "metrics" VALUES('loss',0.07692307692307693,1700000000120,'bc67ce2e6139444ca63412fdfbe7c22d',12,0);
INSERT INTO "metrics" VALUES('loss',0.07142857142857142,1700000000130,'bc67ce2e6139444ca63412fdfbe7c22d',13,0);
INSERT INTO "metrics" VALUES('loss',0.06666666666666667,1700000000140,'bc67ce2e6139444ca63412fdfbe7c22d',14,0);
INSERT INTO "metrics" VALUES('loss',0.0625,1700000000150,'bc67ce2e6139444ca63412fdfbe7c22d',15,0);
INSERT INTO "metrics" VALUES('loss',0.058823529411764705,1700000000160,'bc67ce2e6139444ca63412fdfbe7c22d',16,0);
INSERT INTO "metrics" VALUES('loss',0.05555555555555555,1700000000170,'bc67ce2e6139444ca63412fdfbe7c22d',17,0);
INSERT INTO "metrics" VALUES('loss',0.05263157894736842,1700000000180,'bc67ce2e6139444ca63412fdfbe7c22d',18,0);
INSERT INTO "metrics" VALUES('loss',0.05,1700000000190,'bc67ce2e6139444ca63412fdfbe7c22d',19,0);
INSERT INTO "metrics" VALUES('loss',0.047619047619047616,1700000000200,'bc67ce2e6139444ca63412fdfbe7c22d',20,0);
INSERT INTO "metrics" VALUES('loss',0.045454545454545456,1700000000210,'bc67ce2e6139444ca63412fdfbe7c22d',21,0);
INSERT INTO "metrics" VALUES('loss',0.043478260869565216,1700000000220,'bc67ce2e6139444ca63412fdfbe7c22d',22,0);
INSERT INTO "metrics" VALUES('loss',0.041666666666666664,1700000000230,'bc67ce2e6139444ca63412fdfbe7c22d',23,0);
INSERT INTO "metrics" VALUES('loss',0.04,1700000000240,'bc67ce2e6139444ca63412fdfbe7c22d',24,0);
INSERT INTO "metrics" VALUES('loss',0.038461538461538464,1700000000250,'bc67ce2e6139444ca63412fdfbe7c22d',25,0);
INSERT INTO "metrics" VALUES('loss',0.037037037037037035,1700000000260,'bc67ce2e6139444ca63412fdfbe7c22d',26,0);
INSERT INTO "metrics" VALUES('loss',0.03571428571428571,1700000000270,'bc67ce2e6139444ca63412fdfbe7c22d',27,0);
INSERT INTO "metrics" VALUES('loss',0.034482758620689655,1700000000280,'bc67ce2e6139444ca63412fdfbe7c22d',28,0);
INSERT INTO "metrics" VALUES('loss',0.03333333333333333,1700000000290,'bc67ce2e6139444ca63412fdfbe7c22d',29,0);
INSERT INTO "metrics" VALUES('odd',0.0,1,'bc67ce2e6139444ca63412fdfbe7c22d',0,1);
INSERT INTO "metrics" VALUES('odd',1.7976931348623157e+308,2,'bc67ce2e6139444ca63412fdfbe7c22d',1,0);
INSERT INTO "metrics" VALUES('odd',-1.7976931348623157e+308,3,'bc67ce2e6139444ca63412fdfbe7c22d',2,0);
INSERT INTO "metrics" VALUES('val/neg',-0.25,5,'bc67ce2e6139444ca63412fdfbe7c22d',-3,0);
INSERT INTO "metrics" VALUES('loss',1.0,1700000000000,'de4f61c9f21146558f014c0cb0752e2a',0,0);
INSERT INTO "metrics" VALUES('loss',0.5,1700000000010,'de4f61c9f21146558f014c0cb0752e2a',1,0);
INSERT INTO "metrics" VALUES('loss',0.3333333333333333,1700000000020,'de4f61c9f21146558f014c0cb0752e2a',2,0);
INSERT INTO "metrics" VALUES('loss',0.25,1700000000030,'de4f61c9f21146558f014c0cb0752e2a',3,0);
INSERT INTO "metrics" VALUES('loss',0.2,1700000000040,'de4f61c9f21146558f014c0cb0752e2a',4,0);
INSERT INTO "metrics" VALUES('loss',0.16666666666666666,1700000000050,'de4f61c9f21146558f014c0cb0752e2a',5,0);
INSERT INTO "metrics" VALUES('loss',0.14285714285714285,1700000000060,'de4f61c9f21146558f014c0cb0752e2a',6,0);
INSERT INTO "metrics" VALUES('loss',0.125,1700000000070,'de4f61c9f21146558f014c0cb0752e2a',7,0);
INSERT INTO "metrics" VALUES('loss',0.1111111111111111,1700000000080,'de4f61c9f21146558f014c0cb0752e2a',8,0);
INSERT INTO "metrics" VALUES('loss',0.1,1700000000090,'de4f61c9f21146558f014c0cb0752e2a',9,0);
INSERT INTO "metrics" VALUES('loss',0.09090909090909091,1700000000100,'de4f61c9f21146558f014c0cb0752e2a',10,0);
INSERT INTO "metrics" VALUES('loss',0.08333333333333333,1700000000110,'de4f61c9f21146558f014c0cb0752e2a',11,0);
INSERT INTO "metrics" VALUES('loss',0.07692307692307693,1700000000120,'de4f61c9f21146558f014c0cb0752e2a',12,0);
INSERT INTO "metrics" VALUES('loss',0.07142857142857142,1700000000130,'de4f61c9f21146558f014c0cb0752e2a',13,0);
INSERT INTO "metrics" VALUES('loss',0.06666666666666667,1700000000140,'de4f61c9f21146558f014c0cb0752e2a',14,0);
INSERT INTO "metrics" VALUES('loss',0.0625,1700000000150,'de4f61c9f21146558f014c0cb0752e2a',15,0);
INSERT INTO "metrics" VALUES('loss',0.058823529411764705,1700000000160,'de4f61c9f21146558f014c0cb0752e2a',16,0);
INSERT INTO "metrics" VALUES('loss',0.05555555555555555,1700000000170,'de4f61c9f21146558f014c0cb0752e2a',17,0);
INSERT INTO "metrics" VALUES('loss',0.05263157894736842,1700000000180,'de4f61c9f21146558f014c0cb0752e2a',18,0);
INSERT INTO "metrics" VALUES('loss',0.05,1700000000190,'de4f61c9f21146558f014c0cb0752e2a',19,0);
INSERT INTO "metrics" VALUES('loss',0.047619047619047616,1700000000200,'de4f61c9f21146558f014c0cb0752e2a',20,0);
INSERT INTO "metrics" VALUES('loss',0.045454545454545456,1700000000210,'de4f61c9f21146558f014c0cb0752e2a',21,0);
INSERT INTO "metrics" VALUES('loss',0.043478260869565216,1700000000220,'de4f61c9f21146558f014c0cb0752e2a',22,0);
INSERT INTO "metrics" VALUES('loss',0.041666666666666664,1700000000230,'de4f61c9f21146558f014c0cb0752e2a',23,0);
INSERT INTO "metrics" VALUES('loss',0.04,1700000000240,'de4f61c9f21146558f014c0cb0752e2a',24,0);
INSERT INTO "metrics" VALUES('loss',0.038461538461538464,1700000000250,'de4f61c9f21146558f014c0cb0752e2a',25,0);
INSERT INTO "metrics" VALUES('loss',0.037037037037037035,1700000000260,'de4f61c9f21146558f014c0cb0752e2a',26,0);
INSERT INTO "metrics" VALUES('loss',0.03571428571428571,1700000000270,'de4f61c9f21146558f014c0cb0752e2a',27,0);
INSERT INTO "metrics" VALUES('loss',0.034482758620689655,1700000000280,'de4f61c9f21146558f014c0cb0752e2a',28,0);
INSERT INTO "metrics" VALUES('loss',0.03333333333333333,1700000000290,'de4f61c9f21146558f014c0cb0752e2a',29,0);
INSERT INTO "metrics" VALUES('odd',0.0,1,'de4f61c9f21146558f014c0cb0752e2a',0,1);
INSERT INTO "metrics" VALUES('odd',1.7976931348623157e+308,2,'de4f61c9f21146558f014c0cb0752e2a',1,0);
INSERT INTO "metrics" VALUES('odd',-1.7976931348623157e+308,3,'de4f61c9f21146558f014c0cb0752e2a',2,0);
INSERT INTO "metrics" VALUES('val/neg',-0.25,5,'de4f61c9f21146558f014c0cb0752e2a',-3,0);
INSERT INTO "metrics" VALUES('loss',1.0,1700000000000,'060a0f418f1d4a36a5c9bca6660d6052',0,0);
INSERT INTO "metrics" VALUES('loss',0.5,1700000000010,'060a0f418f1d4a36a5c9bca6660d6052',1,0);
INSERT INTO "metrics" VALUES('loss',0.3333333333333333,1700000000020,'060a0f418f1d4a36a5c9bca6660d6052',2,0);
INSERT INTO "metrics" VALUES('loss',0.25,1700000000030,'060a0f418f1d4a36a5c9bca6660d6052',3,0);
INSERT INTO "metrics" VALUES('loss',0.2,1700000000040,'060a0f418f1d4a36a5c9bca6660d6052',4,0);
INSERT INTO "metrics" VALUES('loss',0.16666666666666666,1700000000050,'060a0f418f1d4a36a5c9bca6660d6052',5,0);
INSERT INTO "metrics" VALUES('loss',0.14285714285714285,1700000000060,'060a0f418f1d4a36a5c9bca6660d6052',6,0);
INSERT INTO "metrics" VALUES('loss',0.125,1700000000070,'060a0f418f1d4a36a5c9bca6660d6052',7,0);
INSERT INTO "metrics" VALUES('loss',0.1111111111111111,1700000000080,'060a0f418f1d4a36a5c9bca6660d6052',8,0);
INSERT INTO "metrics" VALUES('loss',0.1,1700000000090,'060a0f418f1d4a36a5c9bca6660d6052',9,0);
INSERT INTO "metrics" VALUES('loss',0.09090909090909091,1700000000100,'060a0f418f1d4a36a5c9bca6660d6052',10,0);
INSERT INTO "metrics" VALUES('loss',0.08333333333333333,1700000000110,'060a0f418f1d4a36a5c9bca6660d6052',11,0);
INSERT INTO "metrics" VALUES('loss',0.07692307692307693,1700000000120,'060a0f418f1d4a36a5c9bca6660d6052',12,0);
INSERT INTO "metrics" VALUES('loss',0.07142857142857142,1700000000130,'060a0f418f1d4a36a5c9bca6660d6052',13,0);
INSERT INTO "metrics" VALUES('loss',0.06666666666666667,1700000000140,'060a0f418f1d4a36a5c9bca6660d6052',14,0);
INSERT INTO "metrics" VALUES('loss',0.0625,1700000000150,'060a0f418f1d4a36a5c9bca6660d6052',15,0);
INSERT INTO "metrics" VALUES('loss',0.058823529411764705,1700000000160,'060a0f418f1d4a36a5c9bca6660d6052',16,0);
INSERT INTO "metrics" VALUES('loss',0.05555555555555555,1700000000170,'060a0f418f1d4a36a5c9bca6660d6052',17,0);
INSERT INTO "metrics" VALUES('loss',0.05263157894736842,1700000000180,'060a0f418f1d4a36a5c9bca6660d6052',18,0);
INSERT INTO "metrics" VALUES('loss',0.05,1700000000190,'060a0f418f1d4a36a5c9bca6660d6052',19,0);
INSERT INTO "metrics" VALUES('loss',0.047619047619047616,1700000000200,'060a0f418f1d4a36a5c9bca6660d6052',20,0);
INSERT INTO "metrics" VALUES('loss',0.045454545454545456,1700000000210,'060a0f418f1d4a36a5c9bca6660d6052',21,0);
INSERT INTO "metrics" VALUES('loss',0.043478260869565216,1700000000220,'060a0f418f1d4a36a5c9bca6660d6052',22,0);
INSERT INTO "metrics" VALUES('loss',0.041666666666666664,1700000000230,'060a0f418f1d4a36a5c9bca6660d6052',23,0);
INSERT INTO "metrics" VALUES('loss',0.04,1700000000240,'060a0f418f1d4a36a5c9bca6660d6052',24,0);
INSERT INTO "metrics" VALUES('loss',0.038461538461538464,1700000000250,'060a0f418f1d4a36a5c9bca6660d6052',25,0);
INSERT INTO "metrics" VALUES('loss',0.037037037037037035,1700000000260,'060a0f418f1d4a36a5c9bca6660d6052',26,0);
INSERT INTO "metrics" VALUES('loss',0.03571428571428571,1700000000270,'060a0f418f1d4a36a5c9bca6660d6052',27,0);
INSERT INTO "metrics" VALUES('loss',0.034482758620689655,1700000000280,'060a0f418f1d4a36a5c9bca6660d6052',28,0);
INSERT INTO "metrics" VALUES('loss',0.03333333333333333,1700000000290,'060a0f418f1d4a36a5c9bca6660d6052',29,0);
INSERT INTO "metrics" VALUES('odd',0.0,1,'060a0f418f1d4a36a5c9bca6660d6052',0,1);
INSERT INTO "metrics" VALUES('odd',1.7976931348623157e+308,2,'060a0f418f1d4a36a5c9bca6660d6052',1,0);
INSERT INTO "metrics" VALUES('odd',-1.7976931348623157e+308,3,'060a0f418f1d4a36a5c9bca6660d6052',2,0);
INSERT INTO "metrics" VALUES('val/neg',-0.25,5,'060a0f418f1d4a36a5c9bca6660d6052',-3,0);
INSERT INTO "metrics" VALUES('loss',1.0,1700000000000,'0beb00625877466091f8e6a0bf392c8e',0,0);
INSERT INTO "metrics" VALUES('loss',0.5,1700000000010,'0beb00625877466091f8e6a0bf392c8e',1,0);
INSERT INTO "metrics" VALUES('loss',0.3333333333333333,1700000000020,'0beb00625877466091f8e6a0bf392c8e',2,0);
INSERT INTO "metrics" VALUES('loss',0.25,1700000000030,'0beb00625877466091f8e6a0bf392c8e',3,0);
INSERT INTO "metrics" VALUES('loss',0.2,1700000000040,'0beb00625877466091f8e6a0bf392c8e',4,0);
INSERT INTO "metrics" VALUES('loss',0.16666666666666666,1700000000050,'0beb00625877466091f8e6a0bf392c8e',5,0);
INSERT INTO "metrics" VALUES('loss',0.14285714285714285,1700000000060,'0beb00625877466091f8e6a0bf392c8e',6,0);
INSERT INTO "metrics" VALUES('loss',0.125,1700000000070,'0beb00625877466091f8e6a0bf392c8e',7,0);
INSERT INTO "metrics" VALUES('loss',0.1111111111111111,1700000000080,'0beb00625877466091f8e6a0bf392c8e',8,0);
INSERT INTO "metrics" VALUES('loss',0.1,1700000000090,'0beb00625877466091f8e6a0bf392c8e',9,0);
INSERT INTO "metrics" VALUES('loss',0.09090909090909091,1700000000100,'0beb00625877466091f8e6a0bf392c8e',10,0);
INSERT INTO "metrics" VALUES('loss',0.08333333333333333,1700000000110,'0beb00625877466091f8e6a0bf392c8e',11,0);
INSERT INTO "metrics" VALUES('loss',0.07692307692307693,1700000000120,'0beb00625877466091f8e6a0bf392c8e',12,0);
INSERT INTO "metrics" VALUES('loss',0.07142857142857142,1700000000130,'0beb00625877466091f8e6a0bf392c8e',13,0);
INSERT INTO "metrics" VALUES('loss',0.06666666666666667,1700000000140,'0beb00625877466091f8e6a0bf392c8e',14,0);
INSERT INTO "metrics" VALUES('loss',0.0625,1700000000150,'0beb00625877466091f8e6a0bf392c8e',15,0);
INSERT INTO "metrics" VALUES('loss',0.058823529411764705,1700000000160,'0beb00625877466091f8e6a0bf392c8e',16,0);
INSERT INTO "metrics" VALUES('loss',0.05555555555555555,1700000000170,'0beb00625877466091f8e6a0bf392c8e',17,0);
INSERT INTO "metrics" VALUES('loss',0.05263157894736842,1700000000180,'0beb00625877466091f8e6a0bf392c8e',18,0);
INSERT INTO "metrics" VALUES('loss',0.05,1700000000190,'0beb00625877466091f8e6a0bf392c8e',19,0);
INSERT INTO "metrics" VALUES('loss',0.047619047619047616,1700000000200,'0beb00625877466091f8e6a0bf392c8e',20,0);
INSERT INTO "metrics" VALUES('loss',0.045454545454545456,1700000000210,'0beb00625877466091f8e6a0bf392c8e',21,0);
INSERT INTO "metrics" VALUES('loss',0.043478260869565216,1700000000220,'0beb00625877466091f8e6a0bf392c8e',22,0);
INSERT INTO "metrics" VALUES('loss',0.041666666666666664,1700000000230,'0beb00625877466091f8e6a0bf392c8e',23,0);
INSERT INTO "metrics" VALUES('loss',0.04,1700000000240,'0beb00625877466091f8e6a0bf392c8e',24,0);
INSERT INTO "metrics" VALUES('loss',0.038461538461538464,1700000000250,'0beb00625877466091f8e6a0bf392c8e',25,0);
INSERT INTO "metrics" VALUES('loss',0.037037037037037035,1700000000260,'0beb00625877466091f8e6a0bf392c8e',26,0);
INSERT INTO "metrics" VALUES('loss',0.03571428571428571,1700000000270,'0beb00625877466091f8e6a0bf392c8e',27,0);
INSERT INTO "metrics" VALUES('loss',0.034482758620689655,1700000000280,'0beb00625877466091f8e6a0bf392c8e',28,0);
INSERT INTO "metrics" VALUES('loss',0.03333333333333333,1700000000290,'0beb00625877466091f8e6a0bf392c8e',29,0);
INSERT INTO "metrics" VALUES('odd',0.0,1,'0beb00625877466091f8e6a0bf392c8e',0,1);
INSERT INTO "metrics" VALUES('odd',1.7976931348623157e+308,2,'0beb00625877466091f8e6a0bf392c8e',1,0);
INSERT INTO "metrics" VALUES('odd',-1.7976931348623157e+308,3,'0beb00625877466091f8e6a0bf392c8e',2,0);
INSERT INTO "metrics" VALUES('val/neg',-0.25,5,'0beb00625877466091f8e6a0bf392c8e',-3,0);
INSERT INTO "metrics" VALUES('loss',1.0,1700000000000,'c3be5d05162e40afbdd7a81559ddbf28',0,0);
INSERT INTO "metrics" VALUES('loss',0.5,1700000000010,'c3be5d05162e40afbdd7a81559ddbf28',1,0);
INSERT INTO "metrics" VALUES('loss',0.3333333333333333,1700000000020,'c3be5d05162e40afbdd7a81559ddbf28',2,0);
INSERT INTO "metrics" VALUES('loss',0.25,1700000000030,'c3be5d05162e40afbdd7a81559ddbf28',3,0);
INSERT INTO "metrics" VALUES('loss',0.2,1700000000040,'c3be5d05162e40afbdd7a81559ddbf28',4,0);
INSERT INTO "metrics" VALUES('loss',0.16666666666666666,1700000000050,'c3be5d05162e40afbdd7a81559ddbf28',5,0);
INSERT INTO "metrics" VALUES('loss',0.14285714285714285,1700000000060,'c3be5d05162e40afbdd7a81559ddbf28',6,0);
INSERT INTO "metrics" VALUES('loss',0.125,1700000000070,'c3be5d05162e40afbdd7a81559ddbf28',7,0);
INSERT INTO "metrics" VALUES('loss',0.1111111111111111,1700000000080,'c3be5d05162e40afbdd7a81559ddbf28',8,0);
INSERT INTO "metrics" VALUES('loss',0.1,1700000000090,'c3be5d05162e40afbdd7a81559ddbf28',9,0);
INSERT INTO "metrics" VALUES('loss',0.09090909090909091,1700000000100,'c3be5d05162e40afbdd7a81559ddbf28',10,0);
INSERT INTO "metrics" VALUES('loss',0.08333333333333333,1700000000110,'c3be5d05162e40afbdd7a81559ddbf28',11,0);
INSERT INTO "metrics" VALUES('loss',0.07692307692307693,1700000000120,'c3be5d05162e40afbdd7a81559ddbf28',12,0);
INSERT INTO "metrics" VALUES('loss',0.07142857142857142,1700000000130,'c3be5d05162e40afbdd7a81559ddbf28',13,0);
INSERT INTO "metrics" VALUES('loss',0.06666666666666667,1700000000140,'c3be5d05162e40afbdd7a81559ddbf28',14,0);
INSERT INTO "metrics" VALUES('loss',0.0625,1700000000150,'c3be5d05162e40afbdd7a81559ddbf28',15,0);
INSERT INTO "metrics" VALUES('loss',0.058823529411764705,1700000000160,'c3be5d05162e40afbdd7a81559ddbf28',16,0);
INSERT INTO "metrics" VALUES('loss',0.05555555555555555,1700000000170,'c3be5d05162e40afbdd7a81559ddbf28',17,0);
INSERT INTO "metrics" VALUES('loss',0.05263157894736842,1700000000180,'c3be5d05162e40afbdd7a81559ddbf28',18,0);
INSERT INTO "metrics" VALUES('loss',0.05,1700000000190,'c3be5d05162e40afbdd7a81559ddbf28',19,0);
INSERT INTO "metrics" VALUES('loss',0.047619047619047616,1700000000200,'c3be5d05162e40afbdd7a81559ddbf28',20,0);
INSERT INTO "metrics" VALUES('loss',0.045454545454545456,1700000000210,'c3be5d05162e40afbdd7a81559ddbf28',21,0);
INSERT INTO "metrics" VALUES('loss',0.043478260869565216,1700000000220,'c3be5d05162e40afbdd7a81559ddbf28',22,0);
INSERT INTO "metrics" VALUES('loss',0.041666666666666664,1700000000230,'c3be5d05162e40afbdd7a81559ddbf28',23,0);
INSERT INTO "metrics" VALUES('loss',0.04,1700000000240,'c3be5d05162e40afbdd7a81559ddbf28',24,0);
INSERT INTO "metrics" VALUES('loss',0.038461538461538464,1700000000250,'c3be5d05162e40afbdd7a81559ddbf28',25,0);
INSERT INTO "metrics" VALUES('loss',0.037037037037037035,1700000000260,'c3be5d05162e40afbdd7a81559ddbf28',26,0);
INSERT INTO "metrics" VALUES('loss',0.03571428571428571,1700000000270,'c3be5d05162e40afbdd7a81559ddbf28',27,0);
INSERT INTO "metrics" VALUES('loss',0.034482758620689655,1700000000280,'c3be5d05162e40afbdd7a81559ddbf28',28,0);
INSERT INTO "metrics" VALUES('loss',0.03333333333333333,1700000000290,'c3be5d05162e40afbdd7a81559ddbf28',29,0);
INSERT INTO "metrics" VALUES('odd',0.0,1,'c3be5d05162e40afbdd7a81559ddbf28',0,1);
INSERT INTO "metrics" VALUES('odd',1.7976931348623157e+308,2,'c3be5d05162e40afbdd7a81559ddbf28',1,0);
INSERT INTO "metrics" VALUES('odd',-1.7976931348623157e+308,3,'c3be5d05162e40afbdd7a81559ddbf28',2,0);
INSERT INTO "metrics" VALUES('val/neg',-0.25,5,'c3be5d05162e40afbdd7a81559ddbf28',-3,0);
INSERT INTO "metrics" VALUES('m',1.0,7,'4ba57782cc314e979ed429aac51c43e9',0,0);
INSERT INTO "metrics" VALUES('acc',0.5,11,'bc67ce2e6139444ca63412fdfbe7c22d',1,0);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "latest_metrics" VALUES('loss',0.03333333333333333,1700000000290,29,0,'bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "latest_metrics" VALUES('odd',-1.7976931348623157e+308,3,2,0,'bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "latest_metrics" VALUES('val/neg',-0.25,5,-3,0,'bc67ce2e6139444ca63412fdfbe7c22d');
INSERT INTO "latest_metrics" VALUES('loss',0.03333333333333333,1700000000290,29,0,'de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "latest_metrics" VALUES('odd',-1.7976931348623157e+308,3,2,0,'de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "latest_metrics" VALUES('val/neg',-0.25,5,-3,0,'de4f61c9f21146558f014c0cb0752e2a');
INSERT INTO "latest_metrics" VALUES('loss',0.03333333333333333,1700000000290,29,0,'060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "latest_metrics" VALUES('odd',-1.7976931348623157e+308,3,2,0,'060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "latest_metrics" VALUES('val/neg',-0.25,5,-3,0,'060a0f418f1d4a36a5c9bca6660d6052');
INSERT INTO "latest_metrics" VALUES('loss',0.03333333333333333,1700000000290,29,0,'0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "latest_metrics" VALUES('odd',-1.7976931348623157e+308,3,2,0,'0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "latest_metrics" VALUES('val/neg',-0.25,5,-3,0,'0beb00625877466091f8e6a0bf392c8e');
INSERT INTO "latest_metrics" VALUES('loss',0.03333333333333333,1700000000290,29,0,'c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "latest_metrics" VALUES('odd',-1.7976931348623157e+308,3,2,0,'c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "latest_metrics" VALUES('val/neg',-0.25,5,-3,0,'c3be5d05162e40afbdd7a81559ddbf28');
INSERT INTO "latest_metrics" VALUES('m',1.0,7,0,0,'4ba57782cc314e979ed429aac51c43e9');
INSERT INTO "latest_metrics" VALUES('acc',0.5,11,1,0,'bc67ce2e6139444ca63412fdfbe7c22d');
CREATE TABLE "datasets" (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "datasets" VALUES('3c495317371245769433ab6bd8084ba1',1,'flights','abc0','local','{"uri":"x.csv"}','{"a":1}','{"n":3}');
INSERT INTO "datasets" VALUES('954f64d673b24cb496ae3f092d4f08c8',1,'flights','abc1','local','{"uri":"x.csv"}','{"a":1}','{"n":3}');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO "inputs" VALUES('a8619088e59b4cafbfb607f3fe7aada7','DATASET','3c495317371245769433ab6bd8084ba1','RUN','bc67ce2e6139444ca63412fdfbe7c22d',0);
INSERT INTO "inputs" VALUES('313b221e0e0b46b9b4c28e43d744410e','DATASET','954f64d673b24cb496ae3f092d4f08c8','RUN','de4f61c9f21146558f014c0cb0752e2a',0);
INSERT INTO "inputs" VALUES('e0927fe817b645eeb3b8cbbba298b3e2','DATASET','3c495317371245769433ab6bd8084ba1','RUN','060a0f418f1d4a36a5c9bca6660d6052',0);
INSERT INTO "inputs" VALUES('cc98880577b14c7b9c91949a96666c9b','DATASET','954f64d673b24cb496ae3f092d4f08c8','RUN','0beb00625877466091f8e6a0bf392c8e',0);
INSERT INTO "inputs" VALUES('cc3da9a4f8ea417182ab5449b778a57c','DATASET','3c495317371245769433ab6bd8084ba1','RUN','c3be5d05162e40afbdd7a81559ddbf28',0);
INSERT INTO "inputs" VALUES('64d9089d27ac474caf3e2479433ef839','RUN_OUTPUT','bc67ce2e6139444ca63412fdfbe7c22d','MODEL_OUTPUT','m-9ead0dc885174197bb3fe27a8e530af9',3);
INSERT INTO "inputs" VALUES('065a8232067d4bf785d4b3d580433974','RUN_INPUT','de4f61c9f21146558f014c0cb0752e2a','MODEL_INPUT','m-9ead0dc885174197bb3fe27a8e530af9',0);
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO "input_tags" VALUES('a8619088e59b4cafbfb607f3fe7aada7','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('313b221e0e0b46b9b4c28e43d744410e','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('e0927fe817b645eeb3b8cbbba298b3e2','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('cc98880577b14c7b9c91949a96666c9b','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('cc3da9a4f8ea417182ab5449b778a57c','mlflow.data.context','training');
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "logged_models" VALUES('m-9ead0dc885174197bb3fe27a8e530af9',1,'net','/ARTIFACTS/churn/models/m-9ead0dc885174197bb3fe27a8e530af9/artifacts',1795565081456,1795565081528,2,'active','torch','bc67ce2e6139444ca63412fdfbe7c22d',NULL);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_params" VALUES('m-9ead0dc885174197bb3fe27a8e530af9',1,'d','2');
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_tags" VALUES('m-9ead0dc885174197bb3fe27a8e530af9',1,'q','1');
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
INSERT INTO "logged_model_metrics" VALUES('m-9ead0dc885174197bb3fe27a8e530af9','acc',11,1,0.5,1,'bc67ce2e6139444ca63412fdfbe7c22d',NULL,'flights','abc0');
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
INSERT INTO "registered_models" VALUES('churn model',1795565081601,1795565081783,'what it is','default');
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
INSERT INTO "registered_model_tags" VALUES('owner','ann','churn model','default');
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO "registered_model_aliases" VALUES('champion',2,'churn model','default');
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
INSERT INTO "model_versions" VALUES('churn model',1,1795565081633,1795565081783,'v0',NULL,'Staging','/ARTIFACTS/churn/bc67ce2e6139444ca63412fdfbe7c22d/artifacts/sub dir','bc67ce2e6139444ca63412fdfbe7c22d','READY',NULL,NULL,'/ARTIFACTS/churn/bc67ce2e6139444ca63412fdfbe7c22d/artifacts/sub dir','default');
INSERT INTO "model_versions" VALUES('churn model',2,1795565081666,1795565081666,'v1',NULL,'None','/ARTIFACTS/churn/de4f61c9f21146558f014c0cb0752e2a/artifacts/sub dir','de4f61c9f21146558f014c0cb0752e2a','READY',NULL,NULL,'/ARTIFACTS/churn/de4f61c9f21146558f014c0cb0752e2a/artifacts/sub dir','default');
INSERT INTO "model_versions" VALUES('churn model',3,1795565081695,1795565081729,NULL,NULL,'Deleted_Internal','REDACTED-SOURCE-PATH','REDACTED-RUN-ID','READY',NULL,'REDACTED-RUN-LINK','/ARTIFACTS/churn/060a0f418f1d4a36a5c9bca6660d6052/artifacts/sub dir','default');
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
INSERT INTO "model_version_tags" VALUES('n','0','churn model',1,'default');
INSERT INTO "model_version_tags" VALUES('n','1','churn model',2,'default');
INSERT INTO "model_version_tags" VALUES('n','2','churn model',3,'default');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('dc11669786a5');
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
