# The agent, one image for all roles and for 64- and 32-bit Pis as well as PCs:
#
#   docker buildx build --platform linux/arm64,linux/arm/v7,linux/amd64 -t registry.local:5000/bramble:0.1.0 --push .
#   docker build -t bramble:0.1.0 .        without buildx: for the machine it is built on
#
# It runs as an ordinary user, who may serve functions (role `serve`). Other roles need root, and no privileges: `sense`
# and `show` write files of root below /sys (docker run --user 0:0 -v /sys:/sys), `control` talks to
# /var/run/docker.sock. The stack of `bramble stack` says so for each service. No secret is in it, and none is asked for.
ARG BUILD_BASE=node:22-bookworm
ARG BASE=node:22-bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN node build.mjs --quiet --natives /app/node_modules \
 && cp -r package.json LICENSE functions /app \
 && mkdir /app/dist && cp dist/*.js /app/dist

FROM ${BASE}
WORKDIR /app
COPY --from=build /app .
# Root without privileges gets in through its group, the ordinary user as the owner.
RUN mkdir -m 770 /var/lib/bramble && chown 1000:0 /var/lib/bramble
ENV NODE_ENV=production BRAMBLE_DATA_DIR=/var/lib/bramble BRAMBLE_GATEWAY__HOST=0.0.0.0
VOLUME /var/lib/bramble
EXPOSE 8080
USER 1000:0
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s \
  CMD ["node", "-e", "require('node:http').get({ host: '127.0.0.1', port: process.env.BRAMBLE_GATEWAY__PORT || 8080, path: '/healthz' }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "/app/dist/cli.js"]
CMD ["agent"]
