// Labelled logs of our own in the formats of the field: each line knows which template made it. Deterministic.
//
// Slots: {n} number, {ip}, {port}, {hex}, {path}, {uuid}, {host}, {dur}, {blk}, {user} (many names), {job}, {class},
// {a|b|c} one of these, which is a variable.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace fm::testing_support {

struct labelled_log {
  std::string text;
  std::vector<int> labels; ///< by line
  std::vector<bool> alert; ///< by line: somebody should look
};
struct log_kind {
  const char* name;
  /// $T time, $N a number, $H a host, $L level, $C component; the message follows.
  const char* head;
  /// "weight|level|component|message"; a '!' before the weight marks an alert.
  std::vector<const char*> templates;
};

inline const std::vector<log_kind>& log_kinds() {
  static const std::vector<log_kind> kinds{
      {"hdfs", "$D $t $N $L $C: ",
       {"40|INFO|dfs.DataNode$PacketResponder|PacketResponder {n} for block {blk} terminating",
        "40|INFO|dfs.DataNode$PacketResponder|Received block {blk} of size {n} from {ip}",
        "50|INFO|dfs.FSNamesystem|BLOCK* NameSystem.addStoredBlock: blockMap updated: {ip}:{port} is added to {blk} size {n}",
        "40|INFO|dfs.DataNode$DataXceiver|Receiving block {blk} src: {ip}:{port} dest: {ip}:{port}",
        "10|INFO|dfs.FSNamesystem|BLOCK* NameSystem.delete: {blk} is added to invalidSet of {ip}:{port}",
        "10|INFO|dfs.FSDataset|Deleting block {blk} file {path}", "!4|WARN|dfs.DataNode$DataXceiver|{ip}:{port}:Got exception while serving {blk} to {ip}:",
        "6|INFO|dfs.DataNode$DataXceiver|{ip}:{port} Served block {blk} to {ip}", "4|INFO|dfs.FSNamesystem|BLOCK* NameSystem.allocateBlock: {path} {blk}",
        "3|INFO|dfs.DataBlockScanner|Verification succeeded for {blk}", "!2|WARN|dfs.FSNamesystem|BLOCK* NameSystem.addStoredBlock: Redundant addStoredBlock request received for {blk} on {ip}:{port} size {n}"}},
      {"hadoop", "$T,$M $L [{main|IPC Server handler 3 on 62270|AsyncDispatcher event handler|ContainerLauncher #1}] org.apache.hadoop.$C: ",
       {"10|INFO|mapreduce.v2.app.MRAppMaster|Created MRAppMaster for application appattempt_{n}_0020_000001", "20|INFO|mapreduce.v2.app.job.impl.TaskAttemptImpl|attempt_{n}_0020_m_00000{n}_0 TaskAttempt Transitioned from {NEW|UNASSIGNED|ASSIGNED|RUNNING|SUCCEEDED} to {UNASSIGNED|ASSIGNED|RUNNING|SUCCESS_CONTAINER_CLEANUP|SUCCEEDED}",
        "12|INFO|mapred.TaskAttemptListenerImpl|Progress of TaskAttempt attempt_{n}_0020_m_00000{n}_0 is : {n}.{n}", "!30|WARN|hdfs.LeaseRenewer|Failed to renew lease for [DFSClient_NONMAPREDUCE_{n}_1] for {n} seconds.  Will retry shortly ...",
        "!20|ERROR|mapreduce.v2.app.rm.RMContainerAllocator|ERROR IN CONTACTING RM. ", "20|WARN|ipc.Client|Address change detected. Old: {host}/{ip}:{port} New: {host}:{port}",
        "20|INFO|ipc.Client|Retrying connect to server: {host}:{port}. Already tried {n} time(s); retry policy is RetryUpToMaximumCountWithFixedSleep(maxRetries=10, sleepTime=1000 MILLISECONDS)",
        "8|INFO|mapreduce.v2.app.rm.RMContainerAllocator|Recalculating schedule, headroom=<memory:{n}, vCores:{n}>", "8|INFO|mapreduce.v2.app.rm.RMContainerAllocator|Reduce slow start threshold not met. completedMapsForReduceSlowstart {n}",
        "5|INFO|yarn.event.AsyncDispatcher|Registering class {class} for class {class}", "6|INFO|mapreduce.v2.app.launcher.ContainerLauncherImpl|Processing the event EventType: {CONTAINER_REMOTE_LAUNCH|CONTAINER_REMOTE_CLEANUP} for container container_{n}_0020_01_000002 taskAttempt attempt_{n}_0020_m_000000_0",
        "4|INFO|mapred.MapTask|Finished spill {n}", "4|INFO|mapred.MapTask|(EQUATOR) {n} kvi {n}({n})", "4|INFO|mapred.MapTask|bufstart = {n}; bufend = {n}; bufvoid = {n}"}},
      {"spark", "$s $L $C: ",
       {"40|INFO|executor.Executor|Running task {n}.0 in stage {n}.0 (TID {n})", "40|INFO|executor.Executor|Finished task {n}.0 in stage {n}.0 (TID {n}). {n} bytes result sent to driver",
        "30|INFO|storage.MemoryStore|Block broadcast_{n}_piece0 stored as bytes in memory (estimated size {n}.{n} KB, free {n}.{n} KB)", "30|INFO|storage.MemoryStore|Block broadcast_{n} stored as values in memory (estimated size {n}.{n} KB, free {n}.{n} KB)",
        "20|INFO|storage.BlockManager|Found block rdd_{n}_{n} locally", "10|INFO|broadcast.TorrentBroadcast|Started reading broadcast variable {n}", "10|INFO|broadcast.TorrentBroadcast|Reading broadcast variable {n} took {n} ms",
        "8|INFO|python.PythonRunner|Times: total = {n}, boot = {n}, init = {n}, finish = {n}", "8|INFO|rdd.HadoopRDD|Input split: hdfs://{ip}:{port}{path}:{n}+{n}", "3|INFO|executor.CoarseGrainedExecutorBackend|Got assigned task {n}",
        "!3|ERROR|executor.Executor|Exception in task {n}.0 in stage {n}.0 (TID {n})", "2|INFO|spark.SecurityManager|Changing view acls to: {user},{user}", "2|INFO|spark.SecurityManager|Changing modify acls to: {user},{user}"}},
      {"zookeeper", "$T,$M - $L  [{QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774|NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181:NIOServerCnxn$Factory@197|CommitProcessor:1:NIOServerCnxn@1007|SendWorker:188978561024:QuorumCnxManager$SendWorker@679}] - ",
       {"30|INFO||Received connection request /{ip}:{port}", "!30|WARN||Connection broken for id {n}, my id = {n}, error = ", "30|WARN||Interrupting SendWorker", "!20|WARN||Cannot open channel to {n} at election address /{ip}:{port}",
        "20|WARN||Send worker leaving thread", "20|WARN||Interrupted while waiting for message on queue", "20|INFO||Notification time out: {n}", "10|INFO||Client attempting to establish new session at /{ip}:{port}",
        "10|INFO||Established session 0x{hex} with negotiated timeout {n} for client /{ip}:{port}", "10|INFO||Accepted socket connection from /{ip}:{port}", "10|INFO||Closed socket connection for client /{ip}:{port} which had sessionid 0x{hex}",
        "5|INFO||Expiring session 0x{hex}, timeout of {n}ms exceeded", "!5|WARN||caught end of stream exception", "4|INFO||Processed session termination for sessionid: 0x{hex}"}},
      {"bgl", "$E $y $R $b $R RAS $C $L ",
       {"60|INFO|KERNEL|generating core.{n}", "30|INFO|KERNEL|instruction cache parity error corrected", "20|INFO|KERNEL|CE sym {n}, at 0x{hex}, mask 0x{hex}", "20|INFO|KERNEL|{n} double-hummer alignment exceptions",
        "!15|FATAL|KERNEL|data TLB error interrupt", "!8|FATAL|APP|ciod: Error reading message prefix after LOGIN_MESSAGE on CioStream socket to {ip}:{port}", "!8|FATAL|KERNEL|data storage interrupt",
        "!6|FATAL|KERNEL|Lustre mount FAILED : {host} : block_id : location", "!8|FATAL|KERNEL|rts: kernel terminated for reason {n}", "!6|FATAL|APP|ciod: failed to read message prefix on control stream (CioStream socket to {ip}:{port}",
        "5|INFO|KERNEL|total of {n} ddr error(s) detected and corrected", "4|INFO|KERNEL|{n} floating point alignment exceptions", "3|INFO|KERNEL|iar {hex} dear {hex}", "!2|FATAL|KERNEL|machine check interrupt", "2|INFO|DISCOVERY|Node card VPD check: missing U11 node, VPD ecid {hex} in processor card slot J{n}"}},
      {"thunderbird", "- $E $y $H $g $H/$H $C: ",
       {"40||crond(pam_unix)[{n}]|session opened for user {root|cyrus|news} by (uid={n})", "40||crond(pam_unix)[{n}]|session closed for user {root|cyrus|news}", "20||crond[{n}]|(root) CMD (run-parts {path})", "20||ntpd[{n}]|synchronized to {ip}, stratum {n}",
        "!15||kernel|[KERNEL_IB][ib_mad_static_compute_base] Error creating QP ({n})", "!10||pbs_mom|Bad file descriptor ({n}) in tm_request, job {n}.{host} not running", "10||dhcpd|DHCPDISCOVER from {n}:{n}:0a:bc:{n}:01 via eth{n}", "10||sshd[{n}]|connection from {ip} at port {n}",
        "10||postfix/postdrop[{n}]|warning: unable to look up public/pickup: No such file or directory", "!6||kernel|scsi{n} ({n}:{n}): rejecting I/O to offline device", "6||in.tftpd[{n}]|tftp: client does not accept options", "5||xinetd[{n}]|START: tftp pid={n} from={ip}",
        "!3||kernel|EXT3-fs error (device sda{n}): ext3_journal_start_sb: Detected aborted journal", "4||gmetad|data_thread() got not answer from any [{host}] datasource"}},
      {"linux", "$g combo $C: ",
       {"40||sshd(pam_unix)[{n}]|authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost={host} ", "20||sshd(pam_unix)[{n}]|authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost={host}  user=root", "20||sshd(pam_unix)[{n}]|check pass; user unknown",
        "20||ftpd[{n}]|connection from {ip} ({host}) at $g ", "15||su(pam_unix)[{n}]|session opened for user news by (uid=0)", "15||su(pam_unix)[{n}]|session closed for user news", "6||logrotate|ALERT exited abnormally with [{n}]", "4||kernel|Linux agpgart interface v0.{n} (c) Dave Jones",
        "4||kernel|audit: initializing netlink socket (disabled)", "3||rpc.statd[{n}]|Version {n}.0.6 Starting", "3||syslog|syslogd startup succeeded", "3||kernel|ACPI: Power Button (FF) [PWRF]", "!4||kernel|Out of Memory: Killed process {n} (httpd).", "3||named[{n}]|notify question section contains no SOA"}},
      {"android", "$a  {n}  {n} $L $C: ",
       {"40|D|WindowManager|printFreezingDisplayLogsopening app wtoken = AppWindowToken{hex} token=Token{hex} ActivityRecord{hex} u0 com.tencent.qt.qtl/.activity.info.NewsDetailXmlActivity t{n}, allDrawn= {true|false}, startingDisplayed = {true|false}", "40|V|PowerManagerService|ready={true|false},policy={n},wakefulness={n},wksummary=0x{hex},uasummary=0x{hex},bootcompleted={true|false},boostinprogress={true|false}",
        "30|D|PowerManagerService|acquire lock={n}, flags=0x{hex}, tag=\"View Lock\", name=com.android.systemui, ws=null, uid={n}, pid={n}", "30|D|PowerManagerService|release:lock={n}, flg=0x{hex}, tag=\"View Lock\", name=com.android.systemui\", ws=null, uid={n}, pid={n}", "20|I|ActivityManager|Start proc {n}:com.tencent.mm/u0a{n} for broadcast com.tencent.mm/.booter.Receiver",
        "20|W|ActivityManager|getRunningAppProcesses: caller {n} does not hold REAL_GET_TASKS; limiting output", "10|I|PowerManager_screenOn|DisplayPowerStatesetColorFadeLevel: level={n}.{n}", "10|D|PhoneStatusBar|setSystemUiVisibility vis={n} mask={n} oldVal={n} newVal={n} diff={n} fullscreenStackVis={n} dockedStackVis={n}", "6|D|TextView|visible is system.time.showampm",
        "6|I|PhoneStatusBar|removeNotification:removed name:{hex}", "!3|E|ActivityManager|ANR in com.example.app (com.example.app/.MainActivity)"}},
      {"healthapp", "$h|{Step_LSC|Step_SPUtils|Step_ExtSDM|Step_StandReportReceiver}|{n}|",
       {"40|||onStandStepChanged {n}", "40|||onExtend:{n} {n} {n} {n}", "40|||getTodayTotalDetailSteps = {n}##{n}##{n}##{n}##{n}##{n}", "30|||setTodayTotalDetailSteps={n}##{n}##{n}##{n}##{n}##{n}", "20|||calculateCaloriesWithCache totalCalories={n}", "20|||calculateAltitudeWithCache totalAltitude={n}",
        "10|||REPORT : {n} {n} {n} {n}", "10|||processHandleBroadcastAction action:android.intent.action.SCREEN_ON", "8|||flush sensor data", "4|||onReceive action: android.intent.action.SCREEN_ON", "4|||new date = {n}, type={n},{n}.{n},old={n}", "3|||deleteDBSingle failed"}},
      {"apache", "[$A] [$l] ",
       {"50|notice||workerEnv.init() ok {path}", "50|error||mod_jk child workerEnv in error state {n}", "40|notice||jk2_init() Found child {n} in scoreboard slot {n}", "!5|error||[client {ip}] Directory index forbidden by rule: {path}", "5|error||jk2_init() Can't find child {n} in scoreboard", "2|error||mod_jk child init {n} {n}"}},
      {"proxifier", "[$P] {chrome.exe|WeChat.exe|svchost.exe *64} - ",
       {"40|||{host}:{port} open through proxy {host}:{port} HTTPS", "30|||{host}:{port} close, {n} bytes sent, {n} bytes received, lifetime {00:{n}|<1 sec}", "15|||{host}:{port} close, {n} bytes ({n}.{n} KB) sent, {n} bytes ({n}.{n} KB) received, lifetime {00:{n}|<1 sec}", "10|||{host}:{port} close, {n} bytes sent, {n} bytes ({n}.{n} KB) received, lifetime {00:{n}|<1 sec}",
        "!5|||{host}:{port} error : Could not connect through proxy {host}:{port} - Proxy server cannot establish a connection with the target, status code {n}", "3|||{host}:{port} error : A connection request was canceled before the completion."}},
      {"openssh", "$g LabSZ sshd[{n}]: ",
       {"40|||Failed password for invalid user {user} from {ip} port {n} ssh2", "40|||Failed password for root from {ip} port {n} ssh2", "30|||pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip} ", "30|||pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}  user=root", "30|||Received disconnect from {ip}: {n}: Bye Bye [preauth]",
        "20|||Invalid user {user} from {ip}", "20|||input_userauth_request: invalid user {user} [preauth]", "20|||pam_unix(sshd:auth): check pass; user unknown", "!15|||reverse mapping checking getaddrinfo for {host} [{ip}] failed - POSSIBLE BREAK-IN ATTEMPT!", "10|||Connection closed by {ip} [preauth]", "4|||Accepted password for fztu from {ip} port {n} ssh2", "4|||pam_unix(sshd:session): session opened for user fztu by (uid=0)", "5|||message repeated {n} times: [ Failed password for root from {ip} port {n} ssh2]", "3|||error: Received disconnect from {ip}: {n}: com.jcraft.jsch.JSchException: Auth fail [preauth]"}},
      {"openstack", "nova-{api|compute|scheduler}.log.1.2017-05-16_13:53:08 $T.$M {n} $L nova.$C [req-{uuid} {hex} {hex} - - -] ",
       {"40|INFO|osapi_compute.wsgi.server|{ip} \"GET /v2/{hex}/servers/detail HTTP/1.1\" status: {n} len: {n} time: {n}.{n}", "20|INFO|osapi_compute.wsgi.server|{ip} \"POST /v2/{hex}/os-server-external-events HTTP/1.1\" status: {n} len: {n} time: {n}.{n}", "15|INFO|compute.manager|[instance: {uuid}] VM Started (Lifecycle Event)", "15|INFO|compute.manager|[instance: {uuid}] VM Paused (Lifecycle Event)", "15|INFO|compute.manager|[instance: {uuid}] VM Resumed (Lifecycle Event)",
        "10|INFO|virt.libvirt.imagecache|image {uuid} at ({path}): checking", "10|INFO|virt.libvirt.imagecache|image {uuid} at ({path}): in use: on this node {n} local, {n} on other nodes sharing this instance storage", "10|WARNING|virt.libvirt.imagecache|Unknown base file: {path}", "8|INFO|compute.claims|[instance: {uuid}] Total memory: {n} MB, used: {n}.00 MB", "8|INFO|compute.claims|[instance: {uuid}] memory limit: {n}.00 MB, free: {n}.00 MB", "5|INFO|compute.manager|[instance: {uuid}] Took {n}.{n} seconds to spawn the instance on the hypervisor.", "5|INFO|compute.manager|[instance: {uuid}] Terminating instance"}},
      {"kubernetes", "$T.000000000Z stderr F I0102 15:04:05.{n}       1 {controller.go:114|reconciler.go:221|kubelet.go:1931}] ",
       {"30|||\"SyncLoop (PLEG): event for pod\" pod=\"default/web-{hex}\" event={ID:{uuid} Type:ContainerStarted Data:{hex}}", "30|||\"Starting VerifyControllerAttachedVolume for volume\" volumeName=\"kubernetes.io/configmap/{uuid}\" pod=\"web-{hex}\"", "!10|||\"Error syncing pod, skipping\" err=\"failed to start container with CrashLoopBackOff: back-off {n}s\" pod=\"default/web-{hex}\" podUID={uuid}", "20|||\"Successfully pulled image\" image=\"registry.example/web:{n}\" duration={n}ms", "10|||\"Updating endpoints\" service=\"web\" count={n}"}},
      {"nginx", "{ip} - - [$n] ",
       {"60|||\"GET /api/items/{n} HTTP/1.1\" 200 {n} \"-\" \"curl/7.88\"", "20|||\"POST /api/orders HTTP/1.1\" 201 {n} \"-\" \"python-requests/2.28\"", "!5|||\"GET /api/items/{n} HTTP/1.1\" 502 {n} \"-\" \"curl/7.88\" upstream timed out"}},
      {"app", "$T.$M $L [worker-{n}] com.shop.$C - ",
       {"30|INFO|OrderService|Order {n} accepted for customer {n}", "30|INFO|PaymentClient|Payment {uuid} authorised in {n} ms", "20|DEBUG|CacheWarmer|Loaded {n} entries from {path}", "!8|ERROR|PaymentClient|Payment {uuid} failed: connection to {host}:{port} timed out after {n} ms", "!4|WARN|OrderService|Queue length {n} exceeds the limit of {n}", "6|INFO|Scheduler|Job {job} finished with status {ok|done|clean}", "!2|FATAL|Main|Cannot allocate {n} bytes, shutting down"}},
  };
  return kinds;
}

class log_writer {
public:
  explicit log_writer(std::uint64_t seed) : random_(seed) {}

  labelled_log write(const log_kind& kind, std::size_t lines) {
    struct row {
      int weight = 0;
      bool alert = false;
      std::string level, component, message;
    };
    std::vector<row> rows;
    int total = 0;
    for (std::string_view t : kind.templates) {
      row r;
      if (t.front() == '!') {
        r.alert = true;
        t.remove_prefix(1);
      }
      const auto cut = [&] {
        const auto bar = t.find('|');
        const auto part = std::string{t.substr(0, bar)};
        t.remove_prefix(bar + 1);
        return part;
      };
      r.weight = std::stoi(cut());
      r.level = cut();
      r.component = cut();
      r.message = std::string{t};
      total += r.weight;
      rows.push_back(std::move(r));
    }
    labelled_log out;
    for (std::size_t i = 0; i < lines; ++i) {
      auto pick = static_cast<int>(random_() % static_cast<std::uint64_t>(total));
      std::size_t which = 0;
      while (pick >= rows[which].weight)
        pick -= rows[which++].weight;
      second_ += random_() % 3;
      const auto& r = rows[which];
      out.text += fill(head(kind.head, r.level, r.component)) + fill(head(r.message, r.level, r.component)) + "\n";
      out.labels.push_back(static_cast<int>(which));
      out.alert.push_back(r.alert);
    }
    return out;
  }

private:
  std::string number(std::uint64_t most) { return std::to_string(random_() % most); }
  std::string hex(std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i)
      out += "0123456789abcdef"[random_() % 16];
    return out;
  }
  std::string ip() { return "10." + number(256) + "." + number(256) + "." + number(256); }
  std::string format(const char* f, int a, int b, int c, int d = 0, int e = 0, int g = 0) {
    char text[64];
    std::snprintf(text, sizeof text, f, a, b, c, d, e, g);
    return text;
  }
  /// Replaces $-marks of a head.
  std::string head(std::string_view h, const std::string& level, const std::string& component) {
    const int s = static_cast<int>(second_ % 60), m = static_cast<int>(second_ / 60 % 60), hour = static_cast<int>(second_ / 3'600 % 24);
    std::string out;
    for (std::size_t i = 0; i < h.size(); ++i) {
      if (h[i] != '$' || i + 1 == h.size()) {
        out += h[i];
        continue;
      }
      switch (h[++i]) {
      case 'T': out += format("2015-10-18 %02d:%02d:%02d", hour, m, s); break;
      case 'M': out += format("%03d%.0d%.0d", static_cast<int>(random_() % 1'000), 0, 0); break;
      case 'D': out += "081109"; break;
      case 't': out += format("%02d%02d%02d", hour, m, s); break;
      case 'N': out += number(3'000); break;
      case 's': out += format("17/06/09 %02d:%02d:%02d", hour, m, s); break;
      case 'E': out += std::to_string(1'117'838'570 + second_); break;
      case 'y': out += "2005.06.03"; break;
      case 'b': out += format("2005-06-03-%02d.%02d.%02d.675872", hour, m, s); break;
      case 'R': out += node_; break;
      case 'H': out += host_; break;
      case 'g': out += format("Nov  9 %02d:%02d:%02d", hour, m, s); break;
      case 'a': out += format("03-17 %02d:%02d:%02d.%03d", hour, m, s, static_cast<int>(random_() % 1'000)); break;
      case 'h': out += "20171223-" + std::to_string(hour) + format(":%d:%d:%d", m, s, static_cast<int>(random_() % 1'000)); break;
      case 'A': out += format("Sun Dec 04 %02d:%02d:%02d 2005", hour, m, s); break;
      case 'P': out += format("10.30 %02d:%02d:%02d", hour, m, s); break;
      case 'n': out += format("10/Oct/2025:%02d:%02d:%02d +0000", hour, m, s); break;
      case 'L':
      case 'l': out += level; break;
      case 'C': out += component; break;
      default: out += '$'; out += h[i];
      }
    }
    if (random_() % 4 == 0) {
      node_ = "R0" + number(4) + "-M" + number(2) + "-N" + number(9) + "-C:J" + number(17) + "-U11";
      host_ = "dn" + number(900);
    }
    return out;
  }
  std::string fill(std::string_view t) {
    std::string out;
    for (std::size_t i = 0; i < t.size(); ++i) {
      if (t[i] != '{') {
        out += t[i];
        continue;
      }
      int depth = 0;
      auto end = i;
      for (; end < t.size(); ++end) {
        depth += t[end] == '{' ? 1 : t[end] == '}' ? -1 : 0;
        if (depth == 0)
          break;
      }
      out += slot(t.substr(i + 1, end - i - 1));
      i = end;
    }
    return out;
  }
  std::string slot(std::string_view s) {
    static const char* names[] = {"admin", "oracle", "test", "guest", "postgres", "pi", "ubnt", "ftpuser", "webmaster", "alice", "bob", "carol", "dave", "support", "info", "user", "matlab", "zabbix", "jenkins", "git"};
    static const char* jobs[] = {"nightly-export", "cleanup", "reindex", "mail-digest", "rotate-keys", "sync-stock", "billing", "warmup"};
    static const char* classes[] = {"org.apache.hadoop.mapreduce.jobhistory.EventType", "org.apache.hadoop.mapreduce.v2.app.job.event.JobEventType", "org.apache.hadoop.mapreduce.v2.app.MRAppMaster$JobEventDispatcher", "org.apache.hadoop.mapred.TaskUmbilical", "org.apache.hadoop.yarn.event.Event"};
    if (s == "n")
      return number(random_() % 3 == 0 ? 10 : 100'000);
    if (s == "ip")
      return ip();
    if (s == "port")
      return std::to_string(1'024 + random_() % 60'000);
    if (s == "hex")
      return "a" + hex(7) + number(10);
    if (s == "blk")
      return std::string{"blk_"} + (random_() % 2 ? "-" : "") + std::to_string(random_() % 9'000'000'000ULL + 1'000'000);
    if (s == "uuid")
      return hex(8) + "-" + hex(4) + "-4" + hex(3) + "-a" + hex(3) + "-" + hex(12);
    if (s == "path")
      return "/mnt/hadoop/dfs/data/part-" + number(1'000) + "/file" + number(100);
    if (s == "host")
      return "host" + number(400) + ".rack" + number(9) + ".example.net";
    if (s == "dur")
      return number(1'000) + "ms";
    if (s == "user")
      return names[random_() % 20];
    if (s == "job")
      return jobs[random_() % 8];
    if (s == "class")
      return classes[random_() % 5];
    std::vector<std::string> options;
    int depth = 0;
    std::string one;
    for (const char c : s) {
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (c == '|' && depth == 0) {
        options.push_back(one);
        one.clear();
      } else {
        one += c;
      }
    }
    options.push_back(one);
    return options.size() == 1 ? "{" + fill(std::string{s}) + "}" : fill(options[random_() % options.size()]);
  }

  std::mt19937_64 random_;
  std::uint64_t second_ = 40'000;
  std::string node_ = "R02-M1-N0-C:J12-U11", host_ = "dn228";
};

/// Share of lines whose predicted group is exactly its true group (Zhu et al., "Tools and Benchmarks for Automated
/// Log Parsing", ICSE-SEIP 2019).
inline double grouping_accuracy(const std::vector<int>& truth, const std::vector<std::uint32_t>& found) {
  std::map<std::uint32_t, std::map<int, std::size_t>> inside;
  std::map<int, std::size_t> sizes;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    ++inside[found[i]][truth[i]];
    ++sizes[truth[i]];
  }
  std::size_t right = 0;
  for (auto& [group, labels] : inside)
    if (labels.size() == 1 && labels.begin()->second == sizes[labels.begin()->first])
      right += labels.begin()->second;
  return static_cast<double>(right) / static_cast<double>(truth.size());
}

} // namespace fm::testing_support
