#!/usr/bin/env bash
# An S3 server that verifies signatures (Ceph RGW, one node, everything in memory) on free loopback ports. Needs root for
# apt when Ceph is missing. start DIR prints what tests need; stop DIR ends it, gateway first.
set -euo pipefail
case "$1" in
  start)
    D=$2; mkdir -p "$D"; D=$(cd "$D" && pwd)
    if ! command -v radosgw >/dev/null || ! command -v ceph-mon >/dev/null; then
      sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
      $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends radosgw ceph-mon ceph-osd ceph-mgr ceph-common >&2
    fi
    rgw=$((20000 + RANDOM % 10000)) mon1=$((30000 + RANDOM % 5000)) mon2=$((35000 + RANDOM % 5000))
    mkdir -p "$D"/{mon,osd/0,mgr/x,log,run,rgw}; cd "$D"; fsid=$(cat /proc/sys/kernel/random/uuid)
    cat >ceph.conf <<C
[global]
fsid = $fsid
mon_host = [v2:127.0.0.1:$mon2/0,v1:127.0.0.1:$mon1/0]
mon_initial_members = a
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = $D/keyring
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_warn = 1
run_dir = $D/run
admin_socket = $D/run/\$name.asok
pid_file = $D/run/\$name.pid
log_file = $D/log/\$name.log
crash_dir = $D/run
[mon.a]
mon_data = $D/mon/a
mon_cluster_log_file = $D/log/cluster.log
[osd]
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_data = $D/osd/\$id
osd_class_load_list = *
osd_class_default_list = *
[mgr]
mgr_data = $D/mgr/\$id
[client.rgw.a]
rgw_frontends = beast endpoint=127.0.0.1:$rgw tcp_nodelay=1
rgw_data = $D/rgw
rgw_lc_debug_interval = 10
C
    {
      ceph-authtool --create-keyring keyring --gen-key -n mon. --cap mon 'allow *'
      ceph-authtool keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' --cap mds 'allow *'
      ceph-authtool keyring --gen-key -n client.rgw.a --cap mon 'allow rw' --cap osd 'allow rwx' --cap mgr 'allow rw'
      ceph-authtool keyring --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *' --cap mgr 'allow profile osd'
      ceph-authtool keyring --gen-key -n mgr.x --cap mon 'allow profile mgr' --cap osd 'allow *'
      monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon2,v1:127.0.0.1:$mon1]" monmap
      ceph-mon -c ceph.conf --mkfs -i a --monmap monmap --keyring keyring --setuser root --setgroup root
    } >log/setup.out 2>&1
    bg() { local n=$1; shift; setsid "$@" >log/"$n".out 2>&1 </dev/null & echo $! >run/"$n".mypid; }
    bg mon ceph-mon -c ceph.conf -i a -f --setuser root --setgroup root
    osd=$(cat /proc/sys/kernel/random/uuid)
    for _ in $(seq 30); do timeout 20 ceph -c ceph.conf osd new "$osd" >>log/setup.out 2>&1 && break; sleep 0.5; done
    ceph-osd -c ceph.conf -i 0 --mkfs --osd-uuid "$osd" --setuser root --setgroup root >>log/setup.out 2>&1
    bg osd ceph-osd -c ceph.conf -i 0 -f --setuser root --setgroup root
    bg mgr ceph-mgr -c ceph.conf -i x -f --setuser root --setgroup root
    sleep 2
    bg rgw radosgw -c ceph.conf -n client.rgw.a -f --setuser root --setgroup root
    for _ in $(seq 240); do curl -s -o /dev/null "http://127.0.0.1:$rgw/" && break; sleep 0.25; done
    timeout 60 radosgw-admin -c ceph.conf user create --uid=fm --display-name=fm --access-key=FMACCESS --secret-key=FMSECRET >>log/setup.out 2>&1
    curl -fsS -X PUT -H "x-amz-content-sha256: $(printf '' | sha256sum | cut -d' ' -f1)" --aws-sigv4 "aws:amz:us-east-1:s3" --user FMACCESS:FMSECRET "http://127.0.0.1:$rgw/fm-test" >>log/setup.out 2>&1
    printf 'export FM_TEST_S3=http://127.0.0.1:%s\nexport FM_TEST_S3_ACCESS_KEY=FMACCESS\nexport FM_TEST_S3_SECRET=FMSECRET\nexport FM_TEST_S3_BUCKET=fm-test\n' "$rgw" ;;
  stop)
    for n in rgw mgr osd mon; do [ -e "$2/run/$n.mypid" ] && kill "$(cat "$2/run/$n.mypid")" 2>/dev/null || true; if [ $n = rgw ]; then sleep 1; fi; done ;;
  *) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
