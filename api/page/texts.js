// The page's texts. `{name}` is replaced by what text() is given.

const english = {
  skip: "Skip to the branches",
  language: "中文",
  forget: "Forget the token",
  login_title: "A token is needed",
  login_why:
    "The agent shows its state to those who have a token of its configuration; the role read is enough. " +
    "The token stays in this tab and is forgotten with it.",
  token: "Token",
  login: "Show the state",
  token_unknown: "The agent does not know this token.",
  token_form: "This cannot be a token: it has characters that no token has.",
  states: "Only branches in these states",
  search: "Repository or branch",
  loading: "Asking the agent …",
  caption: "Branches by repository",
  branch: "Branch",
  state: "State",
  source: "Source",
  target: "Target",
  last_run: "Last run",
  details: "Details",
  details_of: "Details of {name}",
  pages: "Pages",
  previous: "Previous",
  next: "Next",
  page_number: "Page {page} of {pages}, {total} branches",
  api_document: "API document",
  answered: "Answered {when}",
  clear: "Show all branches",

  in_sync: "In sync",
  pending: "Running or waiting",
  retrying: "Retrying",
  failed: "Failed",
  diverged: "Diverged",
  never_synced: "Never synced",
  disabled: "Disabled",
  quarantined: "Set aside",

  verdict_empty: "Nothing is bound yet",
  verdict_bad: "Branches that need somebody: {count}",
  verdict_retrying: "Branches that are tried again: {count}",
  verdict_busy: "All well so far; running or waiting: {count}",
  verdict_never: "All well so far; never synced: {count}",
  verdict_off: "Nothing is switched on",
  verdict_good: "Everything is in sync",

  empty_title: "Nothing is bound yet",
  empty_why:
    "Name two repositories and their branches in the configuration file, or bind them with POST /cerobot/sync/repo. " +
    "They appear here by themselves.",
  nothing_title: "No branch fits",
  nothing_why: "Nothing that is bound has these states and this name.",

  unreachable: "The agent does not answer. Asking again in {seconds} s. What is shown is of {when}.",
  unreachable_first: "The agent does not answer. Asking again in {seconds} s.",
  busy: "The agent has too much to do. Asking again in {seconds} s.",
  role: "This token may not see the state: {detail}",
  refused: "The agent answered with an error: {detail} Asking again in {seconds} s.",

  external: "external: {name}",
  last_success: "last success {when}",
  never_succeeded: "no success yet",
  waits: "waits for its turn",
  waits_for_host: "waits for {host}, which does not answer",
  ahead_behind: "{ahead} commits only at the source, {behind} only at the target",
  next_retry: "next attempt {when}",
  attempts: "failed {count} times in a row",
  unknown: "not known",
  none: "none",

  listing: "asking both hosts",
  proving: "checking the history",
  sending: "sending",
  waiting: "the target checks",
  objects: "{done} of {total} objects",
  rate: "{rate}/s",
  remaining: "{time} left",
  together: "{count} branches in one transfer",

  fact_source: "Source's tip",
  fact_target: "Target's tip",
  fact_reason: "Reason",
  fact_last_success: "Last success",
  fact_next_retry: "Next attempt",
  fact_lane: "Lane",
  action_dry_run: "What would a sync do?",
  action_sync: "Sync now",
  action_enable: "Enable",
  action_disable: "Disable",
  action_asked: "Asking the agent …",
  action_taken: "Done.",
  action_goes_on: "The run goes on; the row shows how it ends.",
  action_plan: "A sync would: {plan}, {tips}",
  action_done: "The sync did: {plan}, {tips}",
  runs: "Last runs",
  runs_loading: "Reading the sync log …",
  runs_none: "The sync log has no run of this branch.",
  runs_failed: "The sync log could not be read: {detail}",
  run_delivery: "delivery {id}",
  run_running: "running",
  run_interrupted: "interrupted",
  run_done: "done",
};

const chinese = {
  skip: "跳到分支列表",
  language: "English",
  forget: "清除令牌",
  login_title: "需要令牌",
  login_why: "查看状态需要配置中的令牌，read 角色即可。令牌只保存在此标签页中，关闭后即清除。",
  token: "令牌",
  login: "查看状态",
  token_unknown: "代理不认识此令牌。",
  token_form: "这不可能是令牌：含有令牌中不会出现的字符。",
  states: "只看这些状态的分支",
  search: "仓库或分支",
  loading: "正在询问代理……",
  caption: "按仓库列出的分支",
  branch: "分支",
  state: "状态",
  source: "源",
  target: "目标",
  last_run: "最近一次运行",
  details: "详情",
  details_of: "{name} 的详情",
  pages: "分页",
  previous: "上一页",
  next: "下一页",
  page_number: "第 {page} / {pages} 页，共 {total} 个分支",
  api_document: "API 文档",
  answered: "{when}更新",
  clear: "显示所有分支",

  in_sync: "已同步",
  pending: "运行或等待中",
  retrying: "重试中",
  failed: "失败",
  diverged: "已分叉",
  never_synced: "从未同步",
  disabled: "已停用",
  quarantined: "已隔离",

  verdict_empty: "尚未绑定任何分支",
  verdict_bad: "需要处理的分支：{count}",
  verdict_retrying: "正在重试的分支：{count}",
  verdict_busy: "目前正常；运行或等待中：{count}",
  verdict_never: "目前正常；从未同步：{count}",
  verdict_off: "没有启用的分支",
  verdict_good: "全部已同步",

  empty_title: "尚未绑定任何分支",
  empty_why: "请在配置文件中写入两个仓库及其分支，或通过 POST /cerobot/sync/repo 绑定，之后会自动显示在这里。",
  nothing_title: "没有符合条件的分支",
  nothing_why: "已绑定的分支中没有符合这些状态和名称的。",

  unreachable: "代理没有响应，{seconds} 秒后重试。当前显示的是{when}的状态。",
  unreachable_first: "代理没有响应，{seconds} 秒后重试。",
  busy: "代理繁忙，{seconds} 秒后重试。",
  role: "此令牌无权查看状态：{detail}",
  refused: "代理返回错误：{detail} {seconds} 秒后重试。",

  external: "外部：{name}",
  last_success: "上次成功：{when}",
  never_succeeded: "尚未成功过",
  waits: "等待运行",
  waits_for_host: "等待 {host} 恢复响应",
  ahead_behind: "源独有 {ahead} 个提交，目标独有 {behind} 个提交",
  next_retry: "下次尝试：{when}",
  attempts: "连续失败 {count} 次",
  unknown: "未知",
  none: "无",

  listing: "正在询问两端",
  proving: "正在检查历史",
  sending: "正在发送",
  waiting: "目标正在检查",
  objects: "{done} / {total} 个对象",
  rate: "{rate}/秒",
  remaining: "剩余 {time}",
  together: "{count} 个分支一起传输",

  fact_source: "源的提交",
  fact_target: "目标的提交",
  fact_reason: "原因",
  fact_last_success: "上次成功",
  fact_next_retry: "下次尝试",
  fact_lane: "通道",
  action_dry_run: "同步会做什么？",
  action_sync: "立即同步",
  action_enable: "启用",
  action_disable: "停用",
  action_asked: "正在询问代理……",
  action_taken: "已完成。",
  action_goes_on: "运行仍在进行，结果会显示在该行。",
  action_plan: "同步将会：{plan}，{tips}",
  action_done: "同步已完成：{plan}，{tips}",
  runs: "最近的运行",
  runs_loading: "正在读取同步日志……",
  runs_none: "同步日志中没有此分支的运行。",
  runs_failed: "无法读取同步日志：{detail}",
  run_delivery: "投递 {id}",
  run_running: "运行中",
  run_interrupted: "已中断",
  run_done: "完成",
};

export const texts = { en: english, zh: chinese };
let current = "en";

/** The language of the address, or else the browser's, as far as there are texts in it. */
export function choose_language(wanted) {
  const own = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  current = Object.hasOwn(texts, wanted ?? "") ? wanted : own;
  document.documentElement.lang = current === "zh" ? "zh-CN" : "en";
}

export const language = () => current;
export const other_language = () => (current === "en" ? "zh" : "en");

export function text(key, values = {}) {
  return texts[current][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** Fills in what the document's own elements say. */
export function label_document() {
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.ariaLabel = text(node.dataset.label);
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = text(node.dataset.placeholder);
}
