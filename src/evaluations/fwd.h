#pragma once

namespace slipway::evaluations {

class EvaluationDatasets;
class ExperimentRecords;
class LabelSchemas;
class ReviewQueues;
class Scorers;
struct DatasetRecord;
struct EvaluationDataset;
struct ScorerVersion;

}  // namespace slipway::evaluations
