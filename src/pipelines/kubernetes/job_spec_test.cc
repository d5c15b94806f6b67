// What is asked of Kubernetes, and how clusters and volumes are named.
#include "pipelines/kubernetes/job_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipelines/kubernetes/cluster.h"
#include "pipelines/kubernetes/kubernetes_executor.h"

namespace slipway::pipelines {
namespace {

TEST(JobSpec, ANameIsOfOneTryAndGoodForDns) {
  const std::string name = job_name("0123456789abcdef", "_Train_Model[12]", {5});
  EXPECT_EQ(name, job_name("0123456789abcdef", "_Train_Model[12]", {5}));
  EXPECT_TRUE(name.starts_with("slipway-0123456789abcdef-train-model-12-")) << name;
  EXPECT_NE(name, job_name("0123456789abcdef", "_Train_Model[12]", {6}));
  EXPECT_NE(name, job_name("0123456789abcdef", "_Train-Model[12]", {5}));
  const std::string longest = job_name("0123456789abcdef", std::string(70, 'x'), {5});
  EXPECT_LE(longest.size(), 63u);
  EXPECT_EQ(job_name("0123456789abcdef", "_", {5}).find("--"), std::string::npos);
}

TEST(JobSpec, WordsRunInTheImagesOwnFolder) {
  Command command{.text = "slipway run-task x"};
  command.folder = "/srv/project";
  command.kubernetes = KubernetesStep{.image = "i:1", .words = {"tool", "a $b", "$(c)"}};
  command.names = {.pipeline = "p", .run = "r", .step = "s", .job = "slipway-r"};
  const std::string job = base::to_text(job_of(command, {}, {.space = "ml", .url = "http://s"}));
  EXPECT_THAT(job, ::testing::HasSubstr(R"x("command":["tool","a $$b","$$(c)"])x"));
  EXPECT_EQ(job.find("workingDir"), std::string::npos);
  EXPECT_EQ(job.find("run-task"), std::string::npos);
}

TEST(JobSpec, AJobHasWhatTheStepSays) {
  Command command{.text = "echo $HOME $$"};
  command.folder = "/srv/project";
  command.environment = {{"PATH", "/usr/bin"},
                         {"SLIPWAY_URL", "http://127.0.0.1:1"},
                         {"WORD", "$(PATH)"},
                         {"KEY", "of the environment"}};
  command.timeout = base::Duration{1'500'000};
  command.resources = {.cpu_millis = 500, .memory_bytes = 1 << 20};
  command.kubernetes = KubernetesStep{.image = "i:1",
                                      .node_selector = {{"disk", "ssd"}},
                                      .tolerations = {{.key = "gpu", .op = "Exists"}},
                                      .gpus = 2,
                                      .ttl = base::Duration::hours(1),
                                      .service_account = "trainer"};
  command.names = {
      .pipeline = "p", .run = "r", .step = "train[3]", .job = "slipway-r", .step_try = 2};
  const JobOptions options{.space = "ml",
                           .url = "http://slipway",
                           .volumes = {{.claim = "files", .host = {}, .at = "/srv"}},
                           .user = 7,
                           .group = 8};
  const std::string job = base::to_text(job_of(command, {"KEY"}, options));
  for (const char* part :
       {R"("backoffLimit":0)", R"("ttlSecondsAfterFinished":3600)", R"("suspend":true)",
        R"("activeDeadlineSeconds":2)", R"("nodeSelector":{"disk":"ssd"})",
        R"("tolerations":[{"key":"gpu","operator":"Exists"}])",
        R"("requests":{"cpu":"500m","memory":"1048576","nvidia.com/gpu":"2"})",
        R"("limits":{"memory":"1048576","nvidia.com/gpu":"2"})",
        R"("command":["/bin/sh","-c","echo $$HOME $$$$"])", R"("workingDir":"/srv/project")",
        R"x({"name":"WORD","value":"$$(PATH)"})x",
        R"({"name":"SLIPWAY_URL","value":"http://slipway"})",
        R"({"name":"KEY","valueFrom":{"secretKeyRef":{"name":"slipway-r","key":"KEY"}}})",
        R"("persistentVolumeClaim":{"claimName":"files"})", R"("mountPath":"/srv")",
        R"("runAsUser":7,"runAsGroup":8)", R"("serviceAccountName":"trainer")",
        R"("slipway/step":"train-3")", R"("slipway/try":"2")"}) {
    EXPECT_THAT(job, ::testing::HasSubstr(part));
  }
  EXPECT_EQ(job.find("/usr/bin"), std::string::npos);
  EXPECT_EQ(job.find("of the environment"), std::string::npos);
}

TEST(Cluster, AKubeconfigIsRead) {
  const std::string text =
      "current-context: b\n"
      "contexts:\n"
      "- {name: a, context: {cluster: x, user: y}}\n"
      "- {name: b, context: {cluster: k, user: u, namespace: ml}}\n"
      "clusters: [{name: k, cluster: {server: 'https://h:6443/', certificate-authority-data: "
      "Y2E=}}]\n"
      "users: [{name: u, user: ";
  const auto certified = parse_kubeconfig(
      text + "{client-certificate-data: Y2VydA==, client-key-data: a2V5}}]", "/etc");
  ASSERT_TRUE(certified) << certified.error().message;
  EXPECT_EQ(certified->server, "https://h:6443");
  EXPECT_EQ(certified->ca_pem, "ca");
  EXPECT_EQ(certified->certificate_pem + certified->key_pem, "certkey");
  EXPECT_EQ(certified->space, "ml");
  EXPECT_EQ(MUST(parse_kubeconfig(text + "{tokenFile: t}}]", "/etc")).token_file, "/etc/t");
  const std::pair<std::string, const char*> kBroken[] = {
      {text + "{exec: {command: aws}}}]", "signing in with exec is not supported"},
      {text + "{client-key-data: a2V5}}]", "belong together"},
      {text + "{client-key-data: '%%%', client-certificate-data: a2V5}}]", "client-key-data"},
      {"current-context: z\ncontexts: []", "no context of this name"},
      {"current-context: b\n", "contexts"},
      {"[]", "a kubeconfig"},
      {": :", "line 1"},
  };
  for (const auto& [broken, words] : kBroken) {
    const auto refused = parse_kubeconfig(broken, "/etc");
    ASSERT_FALSE(refused) << broken;
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr(words));
  }
}

TEST(Volumes, AreClaimsOrFoldersOfNodes) {
  const auto volumes = MUST(parse_volumes("claim:files=/srv/a/,host:/data=/srv/b"));
  ASSERT_EQ(volumes.size(), 2u);
  EXPECT_EQ(volumes[0].claim, "files");
  EXPECT_EQ(volumes[1].host, "/data");
  EXPECT_EQ(volumes[1].at, "/srv/b");
  EXPECT_TRUE(MUST(parse_volumes("")).empty());
  for (const char* broken :
       {"files=/a", "claim:=/a", "claim:x", "claim:x=a", "host:x=/a", "host:=/a", ",", "nfs:x=/a"})
    EXPECT_FALSE(parse_volumes(broken)) << broken;
}

}  // namespace
}  // namespace slipway::pipelines
