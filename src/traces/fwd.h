#pragma once

namespace slipway::traces {

class Assessments;
class ExperimentRecords;
class TraceFiles;
class TraceRemover;
class Traces;
struct Assessment;
struct Span;
struct Trace;
struct TraceInfo;

}  // namespace slipway::traces
