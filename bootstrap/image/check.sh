# shellcheck shell=bash
# Checks that a base image holds what the list asks for, in the image itself; what it lacks is named, all of it. Its variables
# are put before it by scripts.go: $commands and $services are lists of words, $services may be empty; the Chef client is
# $client, and its version is $version or begins with it.
: "${commands:?}" "${services?}" "${client:?}" "${version:?}"
lacks=()
for command in $commands "$client"; do
  command -v "$command" >/dev/null || lacks+=("the command $command")
done
for service in $services; do
  [ -n "$(systemctl list-unit-files --no-legend "$service.service")" ] || lacks+=("the service $service")
done
if [ ${#lacks[@]} -gt 0 ]; then
  printf 'the image lacks %s\n' "${lacks[@]}" >&2
  exit 1
fi
# The version is the last word: "Cinc Client: 18.5.0". To be asked for it is no use of the client that its licence is about.
said=$("$client" --version)
case "${said##* }." in
  "$version".*) ;;
  *)
    echo "the image holds $said, and chef.version in worker-tier.yaml says $version" >&2
    exit 1
    ;;
esac
echo "the image holds all of the list, and $said"
