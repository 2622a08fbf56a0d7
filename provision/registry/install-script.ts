/**
 * `$1` is our folder, `$2` the address that nodes use, `$3` its port, `$4` the configuration, `$5` its revision. Debian's package and its unit,
 * with a configuration of our own: the package's refuses everybody. The authority is made once and its key stays here.
 */
export const installScript = String.raw`
set -eu
export DEBIAN_FRONTEND=noninteractive
folder=$1 host=$2 port=$3 config=$4 revision=$5
rm -f "$folder/served"
apt() { apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
if ! command -v docker-registry >/dev/null || ! command -v openssl >/dev/null; then
  dpkg --configure -a
  apt update
  apt -y --no-install-recommends install docker-registry openssl
fi
mkdir -p "$folder"
chmod 755 "$folder"
cd "$folder"
case $host in *[!0-9.]*) name=DNS:$host ;; *) name=IP:$host ;; esac
cat >openssl.cnf <<END
[req]
prompt = no
distinguished_name = subject
x509_extensions = authority
[subject]
CN = Bramble registry of $(hostname)
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = $name
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
END
umask 077
newkey="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
if [ ! -e ca.key ] || ! openssl x509 -noout -checkend 31536000 -in ca.crt >/dev/null; then
  openssl req -config openssl.cnf -x509 $newkey -keyout ca.key -days 3650 -out ca.crt 2>/dev/null
fi
openssl req -config openssl.cnf -new $newkey -keyout server.key -out server.csr 2>/dev/null
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -days 3650 \
  -extfile openssl.cnf -extensions server -out server.crt 2>/dev/null
rm server.csr
printf '%s' "$config" >config.yml
chown docker-registry: server.key
chmod 444 ca.crt server.crt config.yml
mkdir -p -m 755 /etc/systemd/system/docker-registry.service.d
umask 022
cat >/etc/systemd/system/docker-registry.service.d/bramble.conf <<END
[Service]
ExecStart=
ExecStart=/usr/bin/docker-registry serve $folder/config.yml
Restart=always
RestartSec=2
END
systemctl daemon-reload
systemctl enable --quiet docker-registry
systemctl restart docker-registry
for attempt in $(seq 50); do
  if openssl s_client -connect "127.0.0.1:$port" -CAfile ca.crt </dev/null >/dev/null 2>&1; then
    echo "$host:$port $revision" >served
    exit 0
  fi
  sleep 0.2
done
echo "the registry does not answer on port $port:"
journalctl --quiet --no-pager --lines 5 --unit docker-registry --output cat
exit 1
`;
