#include "cli/ci/template.h"

namespace slipway::cli {

const std::string_view kGithubTemplate =
    R"YAML(# .github/workflows/slipway.yml, made by `slipway ci template github`.
# Set in the repository (Settings, Actions, Variables): SLIPWAY_IMAGE, an image with slipway, git, tar and what the steps
# need. To train on the server after a merge also SLIPWAY_URL and SLIPWAY_PIPELINE, and the secret SLIPWAY_TOKEN: the
# pipeline's own gate decides there whether the model is promoted. The server's project folder has to be at main by then.
# To bring the model from there to another server: SLIPWAY_PROMOTE (models:/NAME@ALIAS), SLIPWAY_TO_URL, and the secret
# SLIPWAY_TO_TOKEN in the environment `production`, whose reviewers GitHub asks first.
name: slipway
on:
  pull_request:
  push:
    branches: [main]
permissions:
  contents: read
  pull-requests: write
concurrency:
  group: slipway-${{ github.ref }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}
jobs:
  models:
    runs-on: ubuntu-latest
    container: ${{ vars.SLIPWAY_IMAGE }}
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/cache/restore@v4
        with:
          path: .slipway-ci
          key: slipway-ci-${{ github.run_id }}-${{ github.run_attempt }}
          restore-keys: slipway-ci-
      - name: Judge the change
        env:
          BASE: ${{ github.event_name == 'push' && github.event.before || '' }}
        run: |
          git config --global --add safe.directory "$GITHUB_WORKSPACE"
          slipway ci ${BASE:+--base "$BASE"} --data .slipway-ci --report slipway-ci.md
      - uses: actions/cache/save@v4
        if: ${{ !cancelled() }}
        with:
          path: .slipway-ci
          key: slipway-ci-${{ github.run_id }}-${{ github.run_attempt }}
      - name: Comment
        if: always() && github.event.pull_request.head.repo.full_name == github.repository
        uses: actions/github-script@v7
        with:
          script: |
            const fs = require('fs');
            const none = "<!-- slipway ci -->\n## ❌ It couldn't be judged: see the log of this job";
            const body = fs.existsSync('slipway-ci.md') ? fs.readFileSync('slipway-ci.md', 'utf8') : none;
            const place = { owner: context.repo.owner, repo: context.repo.repo };
            const issue_number = context.issue.number;
            const comments = await github.paginate(github.rest.issues.listComments, { ...place, issue_number });
            const ours = comments.find((comment) => comment.body.startsWith('<!-- slipway ci -->'));
            if (ours) await github.rest.issues.updateComment({ ...place, comment_id: ours.id, body });
            else await github.rest.issues.createComment({ ...place, issue_number, body });
      - name: Train on the server
        if: github.event_name == 'push' && vars.SLIPWAY_PIPELINE != ''
        env:
          SLIPWAY_URL: ${{ vars.SLIPWAY_URL }}
          SLIPWAY_TOKEN: ${{ secrets.SLIPWAY_TOKEN }}
          PIPELINE: ${{ vars.SLIPWAY_PIPELINE }}
        run: slipway run "$PIPELINE" --reason "merged $GITHUB_SHA"
  promote:
    needs: models
    if: github.event_name == 'push' && vars.SLIPWAY_PROMOTE != ''
    runs-on: ubuntu-latest
    container: ${{ vars.SLIPWAY_IMAGE }}
    environment: production
    steps:
      - name: Promote to production
        env:
          SLIPWAY_URL: ${{ vars.SLIPWAY_URL }}
          SLIPWAY_TOKEN: ${{ secrets.SLIPWAY_TOKEN }}
          SLIPWAY_TO_URL: ${{ vars.SLIPWAY_TO_URL }}
          SLIPWAY_TO_TOKEN: ${{ secrets.SLIPWAY_TO_TOKEN }}
          MODEL: ${{ vars.SLIPWAY_PROMOTE }}
        run: slipway promote "$MODEL" --alias champion --reason "$GITHUB_SHA, started by $GITHUB_ACTOR"
)YAML";

const std::string_view kGitlabTemplate =
    R"YAML(# .gitlab-ci.yml, made by `slipway ci template gitlab`.
# Set in the project (Settings, CI/CD, Variables): SLIPWAY_IMAGE, an image with slipway, git, tar, curl, python3 and what the
# steps need; SLIPWAY_COMMENT_TOKEN, a project access token with the scope api, for the comment. To train on the server
# after a merge also SLIPWAY_URL, SLIPWAY_TOKEN and SLIPWAY_PIPELINE: the pipeline's own gate decides there whether the model
# is promoted. The server's project folder has to be at the default branch by then. To bring the model from there to
# another server: SLIPWAY_PROMOTE (models:/NAME@ALIAS), SLIPWAY_TO_URL and SLIPWAY_TO_TOKEN, protected; somebody starts it.
slipway:
  stage: test
  image: $SLIPWAY_IMAGE
  variables:
    GIT_DEPTH: "0"
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  cache:
    key: slipway-ci
    paths: [.slipway-ci/]
    when: always
  script:
    - slipway ci --base "${CI_MERGE_REQUEST_DIFF_BASE_SHA:-$CI_COMMIT_BEFORE_SHA}" --data .slipway-ci --report slipway-ci.md
  after_script:
    - |
      if [ -z "$CI_MERGE_REQUEST_IID" ] || [ -z "$SLIPWAY_COMMENT_TOKEN" ]; then exit 0; fi
      [ -f slipway-ci.md ] || printf '<!-- slipway ci -->\n## ❌ It could not be judged: see the log of this job\n' > slipway-ci.md
      notes="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"
      first='import json, sys; print(next((n["id"] for n in json.load(sys.stdin) if n["body"].startswith("<!-- slipway ci -->")), ""))'
      id=$(curl -fsS -H "PRIVATE-TOKEN: $SLIPWAY_COMMENT_TOKEN" "$notes?per_page=100&sort=asc" | python3 -c "$first")
      if [ -n "$id" ]; then method=PUT; notes="$notes/$id"; else method=POST; fi
      curl -fsS -X "$method" -H "PRIVATE-TOKEN: $SLIPWAY_COMMENT_TOKEN" --data-urlencode body@slipway-ci.md "$notes" > /dev/null
  artifacts:
    when: always
    paths: [slipway-ci.md]

slipway-train:
  stage: deploy
  image: $SLIPWAY_IMAGE
  needs: [slipway]
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $SLIPWAY_PIPELINE
  script:
    - slipway run "$SLIPWAY_PIPELINE" --reason "merged $CI_COMMIT_SHA"

slipway-promote:
  stage: deploy
  image: $SLIPWAY_IMAGE
  environment: production
  needs: [slipway, {job: slipway-train, optional: true}]
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $SLIPWAY_PROMOTE
      when: manual
  script:
    - slipway promote "$SLIPWAY_PROMOTE" --alias champion --reason "$CI_COMMIT_SHA, started by $GITLAB_USER_LOGIN"
)YAML";

}  // namespace slipway::cli
