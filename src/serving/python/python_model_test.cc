// Models in Python processes: what they are asked and answer, and every way in which they end.
#include "serving/python/python_model.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "serving/python/worker_program.h"
#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::serving::python {
namespace {

using std::chrono::milliseconds;

constexpr const char* kModel = R"py(
import os, signal, sys, time
import numpy as np

class Model:
    inputs = {"a": "double", "n": "long", "s": "string", "t": ("float32", [2])}
    outputs = {"sum": "double", "said": "string", "doubled": ("float32", [2])}

    def load(self, folder):
        print("loading", os.path.basename(folder))
        if os.path.exists(os.path.join(folder, "bad")):
            raise RuntimeError("no weights here")
        self.calls = 0

    def predict(self, inputs, params):
        self.calls += 1
        what = inputs["s"][0]
        if what == "die":
            print("about to die", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "exit":
            os._exit(7)
        if what == "raise":
            raise ValueError("no such thing")
        if what == "hang":
            time.sleep(60)
        if what == "nap":
            time.sleep(0.3)
        if what == "eat":
            np.ones(1 << 30)
        if what == "short":
            return np.zeros(len(inputs["a"]) + 1)
        if what == "ragged":
            return {"sum": [[1], [2, 3]][: len(inputs["a"])]}
        said = ["none" if s is None else s * int(params.get("times", 1)) for s in inputs["s"]]
        return {"sum": inputs["a"] + inputs["n"], "said": said, "doubled": inputs["t"] * 2}
)py";

class PythonModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store::write_file(folder_.path() / "worker.py", kWorkerProgram));
    ASSERT_TRUE(store::write_file(folder_.path() / "model.py", kModel));
    options_.name = "models:/m/1";
    options_.spares = 0;
    options_.command = {.python = SLIPWAY_TEST_PYTHON,
                        .program = folder_.path() / "worker.py",
                        .folder = folder_.path(),
                        .environment = {"PATH=/usr/bin:/bin", "OMP_NUM_THREADS=1"}};
  }
  void load() { model_ = MUST(PythonModel::load(options_)); }

  struct Asked {
    std::vector<double> a, n;
    std::vector<std::string_view> s;
    std::vector<float> t;
    std::string_view params;
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  };
  Result<std::vector<Output>> ask(const Asked& asked) const {
    const Tensor tensor{.name = "t",
                        .type = DataType::kFp32,
                        .shape = {static_cast<std::int64_t>(asked.a.size()), 2},
                        .bytes = std::as_bytes(std::span(asked.t))};
    const InputView inputs[] = {{.numbers = asked.a.data()},
                                {.numbers = asked.n.data()},
                                {.texts = asked.s.data()},
                                {.tensor = &tensor}};
    std::vector<Output> outputs;
    TRY(model_->predict({.rows = asked.a.size(),
                         .inputs = inputs,
                         .params = asked.params,
                         .deadline = asked.deadline},
                        outputs));
    return outputs;
  }
  // One row.
  Result<std::vector<Output>> say(std::string_view what, std::string_view params = {}) const {
    return ask({.a = {1.5}, .n = {2}, .s = {what}, .t = {1, 2}, .params = params});
  }
  Error failed(std::string_view what) const {
    const auto answer = say(what);
    EXPECT_FALSE(answer) << what;
    return answer ? base::error(Code::kInternal, "it answered") : answer.error();
  }
  bool recovers() const {
    for (int i = 0; i < 500; ++i) {
      if (say("x")) return true;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return false;
  }

  store::testing::TempFolder folder_;
  PythonModelOptions options_;
  std::shared_ptr<const Model> model_;
};

TEST_F(PythonModelTest, ReadsEveryKindOfInputAndGivesEveryKindOfOutput) {
  load();
  EXPECT_EQ(model_->shape().inputs.size(), 4);
  EXPECT_EQ(model_->shape().inputs[1].type, DataType::kInt64);
  EXPECT_EQ(model_->shape().inputs[3].row_shape, std::vector<std::int64_t>{2});
  EXPECT_EQ(model_->shape().outputs[1].type, DataType::kBytes);
  EXPECT_TRUE(model_->may_block());
  EXPECT_GT(model_->memory_bytes(), 1 << 20);
  const auto answer = ask({.a = {1.5, -1},
                           .n = {2, 3},
                           .s = {"a\xC3\xA4", {}},
                           .t = {1, 2, 3, 4},
                           .params = R"({"times": 2})"});
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->size(), 3);
  EXPECT_EQ(std::get<std::vector<double>>((*answer)[0].values), (std::vector<double>{3.5, 2}));
  EXPECT_EQ(std::get<std::vector<std::string>>((*answer)[1].values),
            (std::vector<std::string>{"a\xC3\xA4\x61\xC3\xA4", "none"}));
  EXPECT_EQ((*answer)[2].row_shape, std::vector<std::int64_t>{2});
  EXPECT_EQ(std::get<std::vector<float>>((*answer)[2].values), (std::vector<float>{2, 4, 6, 8}));
  // More than the memory had room for.
  Asked many;
  for (int i = 0; i < 100'000; ++i) {
    many.a.push_back(i);
    many.n.push_back(1);
    many.s.push_back("row");
    many.t.insert(many.t.end(), {0, 1});
  }
  const auto large = ask(many);
  ASSERT_TRUE(large) << large.error().message;
  EXPECT_EQ(std::get<std::vector<double>>((*large)[0].values)[99'999], 100'000);
  EXPECT_EQ(std::get<std::vector<std::string>>((*large)[1].values)[99'999], "row");
  EXPECT_TRUE(say("x"));
}

TEST_F(PythonModelTest, WhatTheModelCannotTakeOrGiveIsSaid) {
  load();
  EXPECT_EQ(failed("raise").message, "the model failed: ValueError: no such thing");
  EXPECT_EQ(failed("raise").code, Code::kInternal);
  EXPECT_NE(failed("short").message.find("gave 2 rows for 1"), std::string::npos);
  const auto fraction = ask({.a = {1}, .n = {2.5}, .s = {"x"}, .t = {1, 2}});
  ASSERT_FALSE(fraction);
  EXPECT_EQ(fraction.error().code, Code::kInvalidArgument);
  EXPECT_NE(fraction.error().message.find("input n must be whole numbers"), std::string::npos);
  const auto ragged = ask({.a = {1, 1}, .n = {2, 2}, .s = {"ragged", "x"}, .t = {1, 2, 3, 4}});
  ASSERT_FALSE(ragged);
  EXPECT_NE(ragged.error().message.find("rows of different shapes"), std::string::npos);
  EXPECT_TRUE(say("x"));
}

TEST_F(PythonModelTest, AProcessThatEndsFailsItsCallAndIsReplaced) {
  load();
  const Error killed = failed("die");
  EXPECT_EQ(killed.code, Code::kUnavailable);
  EXPECT_NE(killed.message.find("signal 9 (Killed)"), std::string::npos) << killed.message;
  EXPECT_NE(killed.message.find("about to die"), std::string::npos) << killed.message;
  EXPECT_TRUE(recovers());
  EXPECT_NE(failed("exit").message.find("exit code 7"), std::string::npos);
  EXPECT_TRUE(recovers());
}

TEST_F(PythonModelTest, ASpareTakesOverAtOnce) {
  options_.spares = 1;
  load();
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(recovers());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(failed("die").code, Code::kUnavailable);
    EXPECT_TRUE(say("x"));  // waits for whoever is there first
  }
}

TEST_F(PythonModelTest, AHangingCallIsEnded) {
  options_.call_limit = milliseconds(300);
  load();
  ASSERT_TRUE(say("x"));
  const Error late = failed("hang");
  EXPECT_EQ(late.code, Code::kDeadlineExceeded);
  EXPECT_NE(late.message.find("longer than 300 ms"), std::string::npos) << late.message;
  EXPECT_TRUE(recovers());
}

TEST_F(PythonModelTest, ACallerThatLeavesDoesNotCostTheProcess) {
  load();
  const auto late = ask({.a = {1},
                         .n = {1},
                         .s = {"nap"},
                         .t = {1, 2},
                         .deadline = std::chrono::steady_clock::now() + milliseconds(50)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
  const auto next = say("nap");  // its own answer, not the one that came too late
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(std::get<std::vector<std::string>>((*next)[1].values).front(), "nap");
}

TEST_F(PythonModelTest, MemoryIsLimited) {
  options_.command.memory_bytes_max = 1ull << 30;
  load();
  const Error full = failed("eat");
  EXPECT_EQ(full.code, Code::kUnavailable);
  EXPECT_NE(full.message.find("more memory than it may have"), std::string::npos) << full.message;
  EXPECT_TRUE(say("x"));  // the same process goes on
}

TEST_F(PythonModelTest, WhatCannotLoadIsRefusedWithTheReason) {
  ASSERT_TRUE(store::write_file(folder_.path() / "bad", ""));
  const auto bad = PythonModel::load(options_);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::kInvalidArgument);
  EXPECT_EQ(bad.error().message,
            "the model can't be loaded in Python: RuntimeError: no weights here");
  ASSERT_TRUE(store::write_file(folder_.path() / "model.py", "import nothing_like_it\n"));
  EXPECT_NE(PythonModel::load(options_).error().message.find("No module named 'nothing_like_it'"),
            std::string::npos);
  ASSERT_TRUE(store::write_file(folder_.path() / "model.py",
                                "class Model:\n  inputs = {'x': 'complex'}\n"));
  EXPECT_NE(PythonModel::load(options_).error().message.find("name=x type=complex"),
            std::string::npos);
  options_.command.python = "/no/such/python";
  EXPECT_FALSE(PythonModel::load(options_));
}

TEST_F(PythonModelTest, CallsFromManyThreadsGetTheirOwnAnswers) {
  options_.workers = 2;
  load();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const double a = t * 1000 + i;
        const auto answer = ask({.a = {a}, .n = {1}, .s = {"x"}, .t = {1, 2}});
        if (!answer || std::get<std::vector<double>>((*answer)[0].values)[0] != a + 1) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace slipway::serving::python
